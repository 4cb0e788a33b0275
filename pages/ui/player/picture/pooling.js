// Levels of a tile made into those of a coarser scale, and a waveform made into levels.

// The largest level of each `across` columns and `down` rows; a tile of one scale becomes one of a coarser scale.
/**
 * @param {Uint8Array} levels
 * @param {number} columns
 * @param {number} rows
 * @param {number} across
 * @param {number} down
 */
export function pooled(levels, columns, rows, across, down) {
  if (across <= 1 && down <= 1) return { levels, columns, rows };
  const [wide, high] = [Math.ceil(columns / across), Math.ceil(rows / down)];
  const most = new Uint8Array(wide * high);
  for (let row = 0; row < rows; row += 1) {
    const to = Math.floor(row / down) * wide;
    const from = row * columns;
    for (let column = 0; column < columns; column += 1) {
      const at = to + Math.floor(column / across);
      if (levels[from + column] > most[at]) most[at] = levels[from + column];
    }
  }
  return { levels: most, columns: wide, rows: high };
}

// Pairs (lowest, highest), full scale 127, as a drawing of 0 and 255: quiet sounds are drawn larger than they are.
/** @param {Int8Array} pairs @param {number} columns @param {number} rows */
export function waveform(pairs, columns, rows) {
  const levels = new Uint8Array(columns * rows);
  const middle = (rows - 1) / 2;
  const place = (/** @type {number} */ value) => middle - Math.sign(value) * Math.sqrt(Math.abs(value) / 127) * middle;
  for (let column = 0; column < columns; column += 1) {
    const top = Math.round(place(pairs[2 * column + 1]));
    const bottom = Math.max(top, Math.round(place(pairs[2 * column])));
    for (let row = Math.max(0, top); row <= Math.min(rows - 1, bottom); row += 1) levels[row * columns + column] = 255;
  }
  return levels;
}
