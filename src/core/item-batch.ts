import type { Encoded } from './value.ts'

const comma = Buffer.from(',')
const open = Buffer.from('[')
const close = Buffer.from(']')

/**
 * Encoded items as one encoded list. Their texts are put side by side: a plain one holds no tag, so it means the same in a tagged
 * list. An item with attachments makes a list of its own, since what it says of their places would not hold in another.
 */
export class ItemBatch {
  #parts: Uint8Array[] = []
  #isTagged = false
  #attachments: Encoded | undefined
  count = 0
  bytes = 0

  fits(item: Encoded): boolean {
    return this.count === 0 || (!this.#attachments && !hasAttachments(item))
  }

  add(item: Encoded): void {
    this.count++
    this.bytes += item.data.length
    this.#isTagged ||= item.format === 'tagged'
    if (hasAttachments(item)) this.#attachments = item
    this.#parts.push(this.#parts.length === 0 ? open : comma, item.data.subarray(0, item.textBytes))
  }

  take(): Encoded {
    const format = this.#isTagged ? 'tagged' : 'json'
    const text = [...this.#parts, close]
    let textBytes = text.reduce((sum, part) => sum + part.length, 0)
    const parts = [...text]
    if (this.#attachments) {
      // Attachments begin at a multiple of 8, behind spaces.
      const padding = Buffer.alloc((8 - (textBytes % 8)) % 8, ' ')
      textBytes += padding.length
      parts.push(padding, this.#attachments.data.subarray(this.#attachments.textBytes))
    }
    this.#parts = []
    this.#isTagged = false
    this.#attachments = undefined
    this.count = 0
    this.bytes = 0
    return { format, textBytes, data: Buffer.concat(parts) }
  }
}

function hasAttachments({ textBytes, data }: Encoded): boolean {
  return data.length > textBytes
}
