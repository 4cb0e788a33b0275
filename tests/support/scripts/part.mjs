// Things of which a test has only what is looked at.

/**
 * @template T
 * @typedef {T extends (...given: any[]) => unknown ? T : T extends object ? { [Name in keyof T]?: Part<T[Name]> } : T} Part
 */

/**
 * Give a part of a thing where the whole is wanted. What is given must be of the types that the whole has.
 *
 * @template T
 * @param {NoInfer<Part<T>>} given
 * @returns {T}
 */
export const part = (given) => /** @type {T} */ (given);
