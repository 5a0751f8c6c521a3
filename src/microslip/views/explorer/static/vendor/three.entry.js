export {
  WebGLRenderer, Scene, OrthographicCamera, PerspectiveCamera, InstancedBufferGeometry, InstancedBufferAttribute,
  BufferAttribute, BufferGeometry, Float32BufferAttribute, RawShaderMaterial, Mesh, LineSegments, DataTexture,
  Vector2, Vector3, Matrix4, Color, GLSL3, WebGLRenderTarget,
} from "three";
export { OrbitControls } from "three/examples/jsm/controls/OrbitControls.js";
