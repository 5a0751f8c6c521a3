// An orthographic camera about the middle of the cell, turned by hand or set to a named view.

import { OrbitControls, OrthographicCamera, Vector3 } from "./vendor/three.js";

// Azimuth about z from +x and elevation [degrees]; oblique is the camera of the figures.
const VIEWS = { oblique: [-66, 17], front: [-90, 0], top: [-90, 89.9], side: [0, 0] };

export class Camera {
  constructor(canvas, box, invalidate) {
    this.canvas = canvas;
    this.middle = new Vector3(box[0] / 2, box[1] / 2, box[2] / 2);
    this.size = Math.hypot(...box) || 1;
    this.box = box;
    this.view = new OrthographicCamera(-1, 1, 1, -1, 0, 6 * this.size);
    this.view.up.set(0, 0, 1);
    this.aspect = 1;
    this.controls = new OrbitControls(this.view, canvas);
    this.controls.enableDamping = false;
    this.controls.zoomToCursor = true;
    this.controls.addEventListener("change", invalidate);
    this.invalidate = invalidate;
    this.look("oblique");
  }

  look(name) {
    const [azimuth, elevation] = VIEWS[name].map((angle) => (angle * Math.PI) / 180);
    const towards = new Vector3(
      Math.cos(elevation) * Math.cos(azimuth), Math.cos(elevation) * Math.sin(azimuth), Math.sin(elevation),
    );
    this.controls.target.copy(this.middle);
    this.view.position.copy(this.middle).addScaledVector(towards, 3 * this.size);
    this.view.zoom = 1;
    this.controls.update();
    this.fit();
  }

  turn(right, up) {
    const offset = this.view.position.clone().sub(this.controls.target);
    const length = offset.length();
    const azimuth = Math.atan2(offset.y, offset.x) + right;
    const elevation = Math.min(1.57, Math.max(-1.57, Math.asin(offset.z / length) + up));
    offset.set(Math.cos(elevation) * Math.cos(azimuth), Math.cos(elevation) * Math.sin(azimuth), Math.sin(elevation));
    this.view.position.copy(this.controls.target).addScaledVector(offset, length);
    this.controls.update();
    this.invalidate();
  }

  resize(aspect) {
    this.aspect = aspect;
    this.fit();
  }

  // The whole cell, seen from here, fills the picture.
  fit() {
    this.view.updateMatrixWorld();
    const turned = this.view.quaternion.clone().invert();
    let [width, height] = [0, 0];
    for (let corner = 0; corner < 8; corner += 1) {
      const seen = new Vector3(corner & 1 ? this.box[0] : 0, corner & 2 ? this.box[1] : 0, corner & 4 ? this.box[2] : 0)
        .sub(this.middle).applyQuaternion(turned);
      width = Math.max(width, Math.abs(seen.x));
      height = Math.max(height, Math.abs(seen.y));
    }
    const half = 1.08 * Math.max(height + 0.8, (width + 0.8) / this.aspect);
    this.view.top = half;
    this.view.bottom = -half;
    this.view.right = half * this.aspect;
    this.view.left = -half * this.aspect;
    this.view.updateProjectionMatrix();
    this.invalidate();
  }

  // Unit vectors right, up and towards the reader.
  axes() {
    this.view.updateMatrixWorld();
    const [right, up, towards] = [new Vector3(), new Vector3(), new Vector3()];
    this.view.matrixWorld.extractBasis(right, up, towards);
    return { right, up, towards };
  }

  // Pixels per d̄ on a canvas of that height.
  scale(height) {
    return (height * this.view.zoom) / (this.view.top - this.view.bottom);
  }
}
