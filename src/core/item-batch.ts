import type { Encoded } from './value.ts'
import { attachmentBase, joinDocuments } from './values/attachments.ts'

const comma = Buffer.from(',')
const open = Buffer.from('[')
const close = Buffer.from(']')

/**
 * Items, each encoded as a list of one, as one encoded list. Their texts are put side by side: a plain one holds no tag, so it means the
 * same in a tagged list. Their attachments follow one another, each where `base` said when the item was encoded.
 */
export class ItemBatch {
  #items: Encoded[] = []
  bytes = 0
  /** How many bytes of attachments stand before those of the next item. */
  base = 0

  get count(): number {
    return this.#items.length
  }

  add(item: Encoded): void {
    this.#items.push(item)
    this.bytes += item.data.length
    this.base = attachmentBase(this.base + item.data.length - item.textBytes)
  }

  take(): Encoded {
    const items = this.#items
    this.#items = []
    this.bytes = 0
    this.base = 0
    const [only] = items
    if (only && items.length === 1) return only
    const texts = items.flatMap(({ data, textBytes }, index) => [index === 0 ? open : comma, listed(data.subarray(0, textBytes))])
    const attachments = items
      .filter(({ data, textBytes }) => data.length > textBytes)
      .map(({ data, textBytes }) => data.subarray(textBytes))
    const format = items.some((item) => item.format === 'tagged') ? 'tagged' : 'json'
    return { format, ...joinDocuments([...texts, close], attachments) }
  }
}

/** The text of a list of one without its brackets; spaces may stand behind it. */
function listed(text: Uint8Array): Uint8Array {
  return text.subarray(1, text.lastIndexOf(CLOSING_BRACKET))
}

const CLOSING_BRACKET = 0x5d
