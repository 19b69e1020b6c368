/** What both ends of a border hold each other to. docs/values.md names the same numbers. */

/** Brackets around any place of the JSON text. */
export const MAX_DEPTH = 1_000
/** An integer with more decimal digits is written in hexadecimal, which reads in linear time. */
export const MAX_DECIMAL_DIGITS = 1_000
/** Characters of one RegExp's source, and of all in one document: some compile very slowly. */
export const MAX_REGEXP_LENGTH = 16_384
export const MAX_REGEXPS_LENGTH = 131_072
export const MAX_URL_LENGTH = 1_048_576
/** A hole takes a place in the text, so an array that is nearly all holes would be huge. */
export const MAX_HOLES = 100_000
/** Errors inside one another, the outermost not counted. */
export const MAX_CAUSES = 8
/** Characters of an error's message, and of its stack. */
export const MAX_ERROR_TEXT = 65_536
