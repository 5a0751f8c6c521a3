// What the page uses of three.js (MIT, https://threejs.org), and nothing else: `make three` bundles it into three.js.
export {
  BufferAttribute, BufferGeometry, DataTexture, Float32BufferAttribute, GLSL3, LineSegments, Mesh, OrthographicCamera,
  RawShaderMaterial, Scene, Vector3, WebGLRenderer,
} from "three";
export { OrbitControls } from "three/addons/controls/OrbitControls.js";
