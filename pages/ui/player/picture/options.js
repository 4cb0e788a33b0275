// How a picture can be drawn: what may be set, and how the server is asked for it.

/**
 * @import { Band } from "../../shared/types"
 * @import { Picture, PictureField } from "../types"
 */

export const AUTO_ROWS = 256; // at least, and the step between one height and the next
const MOST_ROWS = 768;
const AROUND_PX = 440; // all that stands around the picture of a clip with one class
const FFT_SIZES = [128, 256, 512, 1024, 2048, 4096, 8192, 16384];
/** @type {[string | null, string][]} */
const TAPERS = [
  [null, "Hann"], ["hamming", "Hamming"], ["blackman", "Blackman"], ["blackmanharris", "Blackman-Harris"],
  ["rectangular", "Rectangular"],
];
// name, label, what it may be: choices, or the least and most of a number
/** @type {PictureField[]} */
export const PICTURE_FIELDS = [
  { name: "axis", label: "Axis", choices: [["mel", "Mel"], ["log", "Log"], ["linear", "Linear"]] },
  { name: "scale", label: "Level", choices: [["db", "dB"], ["pcen", "PCEN"]] },
  { name: "n_fft", label: "FFT size", choices: [[null, "auto"], ...FFT_SIZES.map((size) => /** @type {[number, string]} */ ([size, String(size)]))] },
  { name: "hop_length", label: "Hop", least: 1, most: 32768, unit: "samples" },
  { name: "window", label: "Window", choices: TAPERS },
  { name: "low_hz", label: "From", least: 0, most: 249000, unit: "Hz" },
  { name: "high_hz", label: "To", least: 1, most: 250000, unit: "Hz" },
  { name: "rows", label: "Rows", least: 8, most: 1024, unit: "" },
];

/** @type {Picture} */
export const STANDARD_PICTURE = {
  axis: "mel", scale: "db", n_fft: null, hop_length: null, window: null, low_hz: null, high_hz: null, rows: null, denoise: false,
  brightness: 0,
};

// The settings as the server reads them; what is null is the server's choice.
/** @param {Picture} picture @param {Band | null} [band] */
export function pictureQuery(picture, band = null) {
  const { axis, scale, n_fft, hop_length, window: taper, low_hz, high_hz, rows, denoise } = { ...picture, ...band };
  const query = new URLSearchParams({ axis, scale, height_px: String(rows || AUTO_ROWS) });
  for (const [name, value] of Object.entries({ n_fft, hop_length, window: taper, low_hz, high_hz })) {
    if (value !== null && value !== undefined) query.set(name, String(value));
  }
  if (denoise) query.set("denoise", "1");
  return query.toString();
}

// Rows of a picture in a window of so many pixels: three for each four pixels of the highest picture that it shows.
/** @param {number} windowPx */
export function rowsFor(windowPx) {
  return Math.min(MOST_ROWS, AUTO_ROWS * Math.max(1, Math.ceil((0.75 * (windowPx - AROUND_PX)) / AUTO_ROWS)));
}

// What is wrong with a setting, in words, or "".
/** @param {PictureField} given @param {unknown} value @param {Picture} picture */
export function pictureProblem({ name, label, choices, least = -Infinity, most = Infinity, unit }, value, picture) {
  if (choices) return choices.some(([choice]) => choice === value) ? "" : `${label}: choose one of the list`;
  if (value === null) return "";
  const whole = name === "hop_length" || name === "rows";
  if (typeof value !== "number" || !(whole ? Number.isInteger(value) : Number.isFinite(value))) return `${label}: a ${whole ? "whole " : ""}number, or nothing for auto`;
  if (value < least || value > most) return `${label}: ${least} to ${most}${unit ? ` ${unit}` : ""}`;
  if (name === "low_hz" && picture.axis === "log" && value < 1) return "From: at least 1 Hz on the log axis";
  if (name === "low_hz" && value >= (picture.high_hz ?? 16000)) return `From: below ${picture.high_hz ?? 16000} Hz`;
  if (name === "high_hz" && picture.low_hz === null && value <= 60) return "To: above 60 Hz, or set From lower first";
  if (name === "hop_length" && picture.n_fft && value > picture.n_fft / 2) return `Hop: at most half the FFT size, ${picture.n_fft / 2}`;
  return "";
}

// What was kept, where it is something that can be drawn.
/** @param {any} kept */
export function checkedPicture(kept) {
  const picture = { ...STANDARD_PICTURE };
  if (!kept || typeof kept !== "object") return picture;
  const wanted = { ...picture, ...kept };
  for (const field of PICTURE_FIELDS) {
    if (!pictureProblem(field, wanted[field.name], wanted)) Object.assign(picture, { [field.name]: wanted[field.name] });
  }
  if (PICTURE_FIELDS.some((field) => pictureProblem(field, picture[field.name], picture))) return { ...STANDARD_PICTURE };
  picture.denoise = kept.denoise === true;
  if (kept.brightness >= -40 && kept.brightness <= 40) picture.brightness = kept.brightness;
  return picture;
}
