"""The page of `microslip view`: what its first view loads, how long it takes, and its spheres against meshes.

An artificial run of the paper's size, 20,215 grains and 8,464 stages, is served by the real server to a real headless
Chromium that draws in software (SwiftShader), on a window of 1440 × 1000. The peer draws the same grains with the same
three.js on a canvas of the same size in the usual way: one instanced mesh, an icosahedron subdivided once with its 80
triangles. Times of both are taken in turns; a frame counts when its pixels can be read.

--run RUN measures a run of your own; --window WxH another window.
"""

import argparse
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd
from playwright.sync_api import Page, sync_playwright

from microslip.data.store import add_array, create_store
from microslip.data.trajectory import SERIES, TrajectoryWriter, create_trajectory

N_GRAINS, N_STAGES, N_SAMPLES, LENGTHS = 20_215, 8464, 100_000, (50.0, 15.0, 20.0)
SHOWN = range(4228, 4236)
SOFTWARE = ["--no-sandbox", "--use-gl=angle", "--use-angle=swiftshader", "--enable-unsafe-swiftshader"]
ROUNDS, FRAMES = 5, 10

# A mesh of every grain, with light; the camera is the page's own.
PEER = """async (frames) => {
  const three = await import("./vendor/three.js");
  const shown = document.getElementById("scene");
  const canvas = document.createElement("canvas");
  const renderer = new three.WebGLRenderer({ canvas, antialias: false });
  renderer.setPixelRatio(1);
  renderer.setSize(shown.width, shown.height, false);
  const { positions, radii, corners, faces, box } = window.peer;
  const geometry = new three.BufferGeometry();
  geometry.isInstancedBufferGeometry = true;
  geometry.instanceCount = radii.length;
  geometry.setAttribute("corner", new three.BufferAttribute(new Float32Array(corners), 3));
  geometry.setIndex(faces);
  for (const [name, values, width] of [["place", positions, 3], ["radius", radii, 1]]) {
    const attribute = new three.BufferAttribute(new Float32Array(values), width);
    attribute.isInstancedBufferAttribute = true;
    attribute.meshPerAttribute = 1;
    geometry.setAttribute(name, attribute);
  }
  const material = new three.RawShaderMaterial({ glslVersion: three.GLSL3, vertexShader: `
    precision highp float; uniform mat4 viewMatrix; uniform mat4 projectionMatrix;
    in vec3 corner; in vec3 place; in float radius; out vec3 normal;
    void main() { normal = (viewMatrix * vec4(corner, 0.0)).xyz;
      gl_Position = projectionMatrix * viewMatrix * vec4(place + radius * corner, 1.0); }`, fragmentShader: `
    precision highp float; in vec3 normal; out vec4 colour;
    void main() { colour = vec4(vec3(0.5 + 0.5 * max(0.0, dot(normalize(normal), vec3(-0.4, 0.55, 0.73)))), 1.0); }` });
  const mesh = new three.Mesh(geometry, material);
  mesh.frustumCulled = false;
  const scene = new three.Scene();
  scene.add(mesh);
  const half = 0.62 * Math.max(box[0] * shown.height / shown.width, box[2]);
  const side = half * shown.width / shown.height;
  const camera = new three.OrthographicCamera(-side, side, half, -half, 0, 400);
  camera.up.set(0, 0, 1);
  const gl = renderer.getContext();
  const draw = (angle) => {
    camera.position.set(box[0] / 2 + 150 * Math.cos(angle), box[1] / 2 + 150 * Math.sin(angle), box[2] / 2 + 40);
    camera.lookAt(box[0] / 2, box[1] / 2, box[2] / 2);
    renderer.render(scene, camera);
    gl.readPixels(0, 0, 1, 1, gl.RGBA, gl.UNSIGNED_BYTE, new Uint8Array(4));
  };
  draw(0);
  const start = performance.now();
  for (let i = 0; i < frames; i += 1) draw(-1.15 + 2 * Math.PI * i / frames);
  const took = (performance.now() - start) / frames;
  renderer.dispose();
  renderer.forceContextLoss();
  return took;
}"""


def artificial_run(folder: Path) -> Path:
    """A run folder with stores of full size, in which a few stages have values."""
    rng = np.random.default_rng(1)
    diameter = rng.uniform(0.8, 1.2, N_GRAINS)
    kind = np.where(np.arange(N_GRAINS) < 2680, 1 + np.arange(N_GRAINS) % 2, 0)
    position = rng.random((N_GRAINS, 3)) * LENGTHS
    position[kind == 1, 2], position[kind == 2, 2] = -0.5, LENGTHS[2] + 0.5
    path = folder / "trajectory.zarr"
    create_trajectory(path, diameter, kind, {"box": list(LENGTHS), "seed": 1, "inertial_number": 1.7e-4}, kept=())
    strain = np.linspace(0, 1, N_SAMPLES)
    edges = np.linspace(0.1, 1, N_STAGES + 1)
    level = 0.35 + 0.01 * rng.standard_normal(N_STAGES + 1)
    stress = np.interp(strain, edges, level)
    writer = TrajectoryWriter(path)
    writer.add_samples({name: strain if name == "strain" else stress for name in SERIES})
    writer.add_frames(np.array([0, 1]), np.stack([position, position]))
    sample = np.rint(edges * (N_SAMPLES - 1)).astype(int)
    number = np.arange(N_STAGES)
    stages = pd.DataFrame(
        {"stage": number, "cycle": number // 2, "kind": np.where(np.diff(level) > 0, "stick", "slip")}
    )
    stages["start_frame"], stages["end_frame"] = 0, 1
    stages["start_sample"], stages["end_sample"] = sample[:-1], sample[1:]
    stages["start_strain"], stages["end_strain"] = edges[:-1], edges[1:]
    stages["strain_increment"] = np.diff(edges)
    stages["start_stress"], stages["end_stress"] = level[:-1], level[1:]
    stages["fluctuation"] = -np.diff(level)
    stages.to_csv(folder / "stages.csv", index=False)
    fields = create_store(folder / "fields.zarr", {})
    shape = (N_STAGES, N_GRAINS)
    d2min = add_array(fields, "d2min", ["stage", "grain"], shape, "float64", "d**2", "D²min", per_chunk=8)
    moved = add_array(
        fields, "displacement", ["stage", "grain", "axis"], (*shape, 3), "float32", "d", "displacement", per_chunk=8
    )
    for stage in SHOWN:
        d2min[stage] = np.where(kind == 0, 10 ** rng.normal(-6, 1, N_GRAINS), np.nan)
        moved[stage] = rng.normal(0, 1e-3, (N_GRAINS, 3))
    (folder / "model").mkdir()
    split = rng.choice(["train", "validation", "test"], N_STAGES)
    table = pd.DataFrame({"stage": number, "rule": "random", "split": split, "target": stages["fluctuation"]})
    table["prediction"] = table["target"] + 0.002 * rng.standard_normal(N_STAGES)
    table.to_csv(folder / "model" / "predictions.csv", index=False)
    (folder / "config.toml").write_text("seed = 1\n")
    return folder


def icosphere() -> tuple[np.ndarray, np.ndarray]:
    """Corners and faces of an icosahedron whose 20 faces are divided into four each, on the unit sphere."""
    golden = (1 + 5**0.5) / 2
    corners = [np.array(c) for c in ((-1, golden, 0), (1, golden, 0), (-1, -golden, 0), (1, -golden, 0))]
    corners += [np.roll(c, 1) for c in corners[:4]] + [np.roll(c, 2) for c in corners[:4]]
    points = np.array(corners) / np.hypot(1, golden)
    edge = min(np.linalg.norm(points[0] - other) for other in points[1:]) * 1.01
    near = np.linalg.norm(points[:, None] - points[None], axis=2) < edge
    triples = [
        (i, j, k)
        for i in range(12)
        for j in range(i + 1, 12)
        for k in range(j + 1, 12)
        if near[i, j] and near[j, k] and near[i, k]
    ]
    fine, faces = [], []
    for triple in triples:
        a, b, c = points[list(triple)]
        if np.dot(np.cross(b - a, c - a), a) < 0:
            b, c = c, b
        ab, bc, ca = ((p + q) / np.linalg.norm(p + q) for p, q in ((a, b), (b, c), (c, a)))
        for face in ((a, ab, ca), (ab, b, bc), (ca, bc, c), (ab, bc, ca)):
            faces.append(range(len(fine), len(fine) + 3))
            fine += face
    return np.array(fine), np.array([list(face) for face in faces])


def first_views(browser, address: str, window: tuple[int, int]) -> None:
    """Bytes and seconds until the grains are drawn, each time in a fresh profile."""
    for number in range(4):
        context = browser.new_context(viewport={"width": window[0], "height": window[1]})
        page = context.new_page()
        sizes: list[int] = []
        page.on("requestfinished", lambda request, sizes=sizes: sizes.append(request.sizes()["responseBodySize"]))
        start = time.perf_counter()
        page.goto(address)
        page.wait_for_selector("body[data-ready]", timeout=60_000)
        took = time.perf_counter() - start
        name = "first view, browser just started" if number == 0 else f"first view {number + 1}"
        print(f"{name:<34}{took:6.2f} s  {sum(sizes) / 1e6:.2f} MB in {len(sizes)} answers")
        context.close()


def frame_times(page: Page, peer: dict[str, object]) -> None:
    """Frame times of the page and of the peer in turns."""
    page.evaluate("(peer) => { window.peer = peer; }", peer)
    ours, turning, theirs = [], [], []
    for _ in range(ROUNDS):
        ours.append(page.evaluate("(frames) => explorer.measure(frames)", FRAMES))
        turning.append(page.evaluate("(frames) => explorer.measure(frames, true)", FRAMES))
        theirs.append(page.evaluate(PEER, FRAMES))
    for name, times in (
        ("microslip, a square a grain", ours),
        ("microslip, coarse, as it turns", turning),
        ("three.js, a mesh a grain", theirs),
    ):
        middle = statistics.median(times)
        print(
            f"{name:<34}{middle:6.1f} ms a frame ({min(times):.1f} to {max(times):.1f}), {1000 / middle:.0f} frames/s"
        )
    print(f"{'ratio':<34}{statistics.median(theirs) / statistics.median(ours):6.1f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--run", type=Path)
    parser.add_argument("--window", default="1440x1000")
    arguments = parser.parse_args()
    width, height = (int(part) for part in arguments.window.split("x"))
    chromium = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if chromium is None:
        sys.exit("no Chromium found: install Debian's chromium")
    with tempfile.TemporaryDirectory() as temporary, sync_playwright() as playwright:
        run = arguments.run or artificial_run(Path(temporary))
        command = [Path(sys.executable).with_name("microslip"), "view", run, "--port", "0", "--no-browser"]
        server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert server.stdout is not None
        address = server.stdout.readline().split()[0]
        try:
            browser = playwright.chromium.launch(executable_path=chromium, args=SOFTWARE)
            stage = "" if arguments.run else f"#stage={SHOWN[4]}"
            first_views(browser, address + stage, (width, height))
            page = browser.new_page(viewport={"width": width, "height": height})
            page.goto(address + stage)
            page.wait_for_selector("body[data-ready]", timeout=60_000)
            canvas = page.evaluate("(({ width, height }) => [width, height])(document.getElementById('scene'))")
            print(f"{page.locator('#counted').inner_text()}, on {canvas[0]} × {canvas[1]} pixels")
            from microslip import open_run

            opened = open_run(run)
            corners, faces = icosphere()
            peer = {
                "positions": opened.box_at(0).wrap(opened.frames["position"][0].to_numpy()).ravel().tolist(),
                "radii": (opened.grains["diameter"].to_numpy() / 2).tolist(),
                "corners": corners.ravel().tolist(),
                "faces": faces.ravel().tolist(),
                "box": list(opened.box.lengths),
            }
            frame_times(page, peer)
            browser.close()
        finally:
            server.terminate()
            server.wait()


if __name__ == "__main__":
    main()
