/** A value on its way: opaque bytes to everybody but the two ends. */
export interface Encoded {
  /** `json`: plain JSON, no tag was needed. `tagged`: JSON with `{"$": tag}` objects, maybe followed by attachments. */
  readonly format: 'json' | 'tagged'
  /** How many bytes of `data` are the JSON text; attachments follow. */
  readonly textBytes: number
  readonly data: Uint8Array
}
