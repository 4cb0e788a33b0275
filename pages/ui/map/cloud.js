// The points, drawn by WebGL: places and the number of each one's colour lie in the graphics card, and a frame says only
// where one looks.
//
// One way for every size, in place of a library of charts for small maps and this for large ones: hover, outline and
// colours are then the same, and a million points take six megabytes. The points come in an order in which the first so
// many lie all over the map. Where all of them do not come in time, the picture that stands is moved while one moves, or as
// many are drawn as come; once one rests, all of them.

const VERTEX = `#version 300 es
layout(location = 0) in vec2 place;
layout(location = 1) in float code;
layout(location = 2) in float passes;
uniform vec2 middle, reach;
uniform float size, dim;
uniform sampler2D colours;
out vec4 colour;
void main() {
  vec2 at = (place - middle) * reach;
  gl_Position = vec4(at, 0.0, 1.0);
  gl_PointSize = size;
  float known = min(code, float(textureSize(colours, 0).x - 1));
  colour = texelFetch(colours, ivec2(int(known), 0), 0);
  if (passes < 0.5) colour = vec4(dim, dim, dim, 1.0) * 0.12;
}`;
const FRAGMENT = `#version 300 es
precision highp float;
in vec4 colour;
uniform float size;
out vec4 drawn;
void main() {
  float share = 1.0;
  if (size > 3.5) {
    float away = length(gl_PointCoord - 0.5) * 2.0;
    share = 1.0 - smoothstep(1.0 - 2.0 / size, 1.0, away);
    if (share <= 0.0) discard;
  }
  drawn = colour * share;
}`;
export const COLOURS = 512; // the last is that of what is not known
const FRAME_MS = 1000 / 60;
const REST_MS = 120;
const PARTS = 4; // of what is drawn once one rests, a frame each, at most
const LEAST = 25000; // fewer would not be seen as the same map, and cost as much
const FIRST = 150000;

export class PointCloud {
  /** @param {HTMLCanvasElement} canvas @param {() => void} framed is called after each frame */
  constructor(canvas, framed) {
    this.canvas = canvas;
    this.framed = framed;
    this.count = 0;
    this.budget = FIRST; // points that come in time while one moves
    this.drawn = 0; // points of the frame that stands
    this.sinceMove = 0;
    this.lastFrame = 0;
    this.frame = 0;
    this.frames = 0;
    this.moving = false;
    this.dim = 0.5;
    /** @type {{ x: number, y: number, scale: number, width: number, height: number } | null} */
    this.camera = null;
    /** @type {{ x: number, y: number, scale: number, width: number, height: number } | null} */
    this.standing = null;
    canvas.style.transformOrigin = "0 0";
    this.gl = canvas.getContext("webgl2", { antialias: false, preserveDrawingBuffer: true, alpha: true, premultipliedAlpha: true, powerPreference: "high-performance" });
    canvas.addEventListener("webglcontextlost", (event) => event.preventDefault());
    canvas.addEventListener("webglcontextrestored", () => this.begin());
    /** @type {Uint16Array | null} */
    this.places = null;
    /** @type {Uint16Array | null} */
    this.codes = null;
    /** @type {Uint8Array | null} */
    this.passing = null;
    /** @type {Uint8Array | null} */
    this.palette = null;
    if (this.gl) this.begin();
  }

  get works() {
    return this.gl !== null;
  }

  // Make what the graphics card needs, also after it lost all it had.
  begin() {
    const { gl } = this;
    if (!gl) return;
    const program = gl.createProgram();
    for (const [kind, source] of /** @type {[number, string][]} */ ([[gl.VERTEX_SHADER, VERTEX], [gl.FRAGMENT_SHADER, FRAGMENT]])) {
      const shader = /** @type {WebGLShader} */ (gl.createShader(kind));
      gl.shaderSource(shader, source);
      gl.compileShader(shader);
      gl.attachShader(program, shader);
    }
    gl.linkProgram(program);
    if (!gl.getProgramParameter(program, gl.LINK_STATUS) && !gl.isContextLost()) throw new Error(gl.getProgramInfoLog(program) ?? "the shaders do not link");
    gl.useProgram(program);
    const at = (/** @type {string} */ name) => gl.getUniformLocation(program, name);
    this.uniforms = { middle: at("middle"), reach: at("reach"), size: at("size"), dim: at("dim") };
    this.buffers = { places: gl.createBuffer(), codes: gl.createBuffer(), passing: gl.createBuffer() };
    gl.bindTexture(gl.TEXTURE_2D, gl.createTexture());
    for (const [name, value] of [[gl.TEXTURE_MIN_FILTER, gl.NEAREST], [gl.TEXTURE_MAG_FILTER, gl.NEAREST]]) gl.texParameteri(gl.TEXTURE_2D, name, value);
    gl.enable(gl.BLEND);
    gl.blendFunc(gl.ONE, gl.ONE_MINUS_SRC_ALPHA);
    if (this.places) this.setPlaces(this.places);
    if (this.codes) this.setCodes(this.codes);
    this.setPassing(this.passing);
    if (this.palette) this.setPalette(this.palette);
  }

  // Across and up of each point, one after the other.
  /** @param {Uint16Array} places */
  setPlaces(places) {
    this.places = places;
    this.count = places.length / 2;
    this.fill("places", 0, places, 2, true);
    if (!this.codes || this.codes.length !== this.count) this.setCodes(new Uint16Array(this.count).fill(65535));
    if (!this.passing || this.passing.length !== this.count) this.setPassing(null);
  }

  /** @param {Uint16Array} codes */
  setCodes(codes) {
    this.codes = codes;
    this.fill("codes", 1, codes, 1, false);
    this.settle();
  }

  // Which points are drawn in full, 255 or 0 each; null: all of them.
  /** @param {Uint8Array | null} passing */
  setPassing(passing) {
    this.passing = passing;
    const { gl } = this;
    if (!gl) return;
    if (passing) this.fill("passing", 2, passing, 1, true);
    else {
      gl.disableVertexAttribArray(2);
      gl.vertexAttrib1f(2, 1);
    }
    this.settle();
  }

  /** @param {"places" | "codes" | "passing"} name @param {number} place @param {Uint16Array | Uint8Array} values @param {number} size @param {boolean} isShare */
  fill(name, place, values, size, isShare) {
    const { gl, buffers } = this;
    if (!gl || !buffers) return;
    gl.bindBuffer(gl.ARRAY_BUFFER, buffers[name]);
    gl.bufferData(gl.ARRAY_BUFFER, values, gl.STATIC_DRAW);
    gl.enableVertexAttribArray(place);
    gl.vertexAttribPointer(place, size, values instanceof Uint16Array ? gl.UNSIGNED_SHORT : gl.UNSIGNED_BYTE, isShare, 0, 0);
  }

  // COLOURS colours of red, green, blue and alpha, multiplied already.
  /** @param {Uint8Array} palette */
  setPalette(palette) {
    this.palette = palette;
    const { gl } = this;
    if (gl) gl.texImage2D(gl.TEXTURE_2D, 0, gl.RGBA, COLOURS, 1, 0, gl.RGBA, gl.UNSIGNED_BYTE, palette);
    this.settle();
  }

  // Look elsewhere.
  /** @param {{ x: number, y: number, scale: number, width: number, height: number }} camera */
  look(camera) {
    const { x, y, scale, width, height } = camera;
    this.camera = { x, y, scale, width, height };
    this.moving = true;
    this.sinceMove = performance.now();
    this.schedule();
  }

  // What is drawn is another, and one looks at the same.
  settle() {
    this.moving = false;
    this.drawn = 0;
    this.schedule();
  }

  schedule() {
    if (!this.frame && this.camera && this.gl) this.frame = requestAnimationFrame((now) => this.next(now));
  }

  /** @param {number} now */
  next(now) {
    this.frame = 0;
    const tookMs = now - this.lastFrame;
    this.lastFrame = now;
    this.frames += 1;
    if (this.moving) {
      if (!this.shift()) {
        if (tookMs < 250) this.learn(tookMs);
        const few = Math.min(this.count, Math.round(this.budget));
        this.paint(0, this.standing ? this.count : few); // a late frame now and then, in place of few points in all of them
      }
      if (performance.now() - this.sinceMove > REST_MS) {
        this.moving = false;
        if (this.standing !== this.camera) this.drawn = 0;
      }
    } else this.paint(this.drawn, Math.min(this.count, this.drawn + Math.max(LEAST, Math.round(this.budget), Math.ceil(this.count / PARTS))));
    this.framed();
    if (this.moving || this.drawn < this.count) this.schedule();
  }

  // Where not all points come in time, the picture that stands is moved as a whole, as long as it shows most of the view;
  // what is new at its edges is drawn once one rests. Whether that did.
  shift() {
    const { standing, camera, canvas } = this;
    if (!standing || !camera || this.budget >= this.count || standing.width !== camera.width || standing.height !== camera.height) return false;
    const { x, y, scale, width, height } = camera;
    const grown = scale / standing.scale;
    const [left, top] = [(width / 2) * (1 - grown) + (standing.x - x) * scale, (height / 2) * (1 - grown) - (standing.y - y) * scale];
    const isMost = grown > 0.6 && grown < 1.7 && Math.abs((standing.x - x) * scale) < 0.6 * width && Math.abs((standing.y - y) * scale) < 0.6 * height;
    if (isMost) canvas.style.transform = `translate(${left}px, ${top}px) scale(${grown})`;
    return isMost;
  }

  // Fewer points where a frame comes late, more where all come in time.
  /** @param {number} tookMs */
  learn(tookMs) {
    if (tookMs > 1.3 * FRAME_MS) this.budget = Math.max(LEAST, this.budget * (tookMs > 2.6 * FRAME_MS ? 0.6 : 0.85));
    else this.budget = Math.min(Math.max(this.count, FIRST), this.budget * 1.04);
  }

  /** @param {number} first @param {number} last */
  paint(first, last) {
    const { gl, canvas, camera, uniforms } = this;
    if (!gl || !camera || !uniforms) return;
    const ratio = window.devicePixelRatio || 1;
    const [width, height] = [Math.max(1, Math.round(camera.width * ratio)), Math.max(1, Math.round(camera.height * ratio))];
    if (canvas.width !== width || canvas.height !== height) {
      Object.assign(canvas, { width, height });
      if (first) [first, last] = [0, last - first];
    }
    gl.viewport(0, 0, width, height);
    if (!first) {
      gl.clearColor(0, 0, 0, 0);
      gl.clear(gl.COLOR_BUFFER_BIT);
    }
    gl.uniform2f(uniforms.middle, camera.x / 65535, camera.y / 65535);
    gl.uniform2f(uniforms.reach, (2 * 65535 * camera.scale) / camera.width, (2 * 65535 * camera.scale) / camera.height);
    gl.uniform1f(uniforms.size, sizeOf(this.count, camera) * ratio);
    gl.uniform1f(uniforms.dim, this.dim);
    gl.drawArrays(gl.POINTS, first, last - first);
    canvas.style.transform = "";
    this.drawn = last;
    this.standing = last === this.count ? camera : null; // all points, seen from here
  }

  close() {
    cancelAnimationFrame(this.frame);
    this.gl?.getExtension("WEBGL_lose_context")?.loseContext();
    this.gl = null;
  }
}

// How large a point is, in pixels of the page: so that they cover some of the map, and are neither dust nor blots.
/** @param {number} count @param {{ scale: number, width: number, height: number }} camera */
export function sizeOf(count, { scale, width, height }) {
  const zoom = (scale * 65535) / Math.min(width, height);
  const fills = 0.45 * Math.sqrt((width * height) / Math.max(1, count)) * Math.sqrt(Math.max(1, zoom));
  return Math.min(9, Math.max(1.5, fills));
}
