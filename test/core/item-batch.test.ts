import { expect, test } from 'vitest'
import { ItemBatch } from '../../src/core/item-batch.ts'
import { decode } from '../../src/core/values/decode.ts'
import { encode, encodeItem } from '../../src/core/values/encode.ts'

function batchOf(items: readonly unknown[]): ReturnType<ItemBatch['take']> {
  const batch = new ItemBatch()
  for (const item of items) batch.add(encodeItem(item, 'item', batch.base))
  expect(batch.count).toBe(items.length)
  return batch.take()
}

const bytes = (length: number, fill: number): Uint8Array => new Uint8Array(length).fill(fill)

test.each<[string, unknown[]]>([
  ['plain ones', [1, 'two', { three: [3] }, null]],
  ['one', [{ at: new Date(0) }]],
  ['an attachment alone', [bytes(13, 1)]],
  ['attachments of odd lengths', [bytes(13, 1), bytes(1, 2), bytes(8, 3), bytes(0, 4), bytes(7, 5)]],
  ['attachments between others', ['] ', bytes(3, 1), undefined, { a: bytes(9, 2), b: new Float64Array([1.5, 2.5]) }, [], bytes(5, 3)]],
  ['an empty attachment at the end', [bytes(5, 1), 2, bytes(0, 3)]],
  ['attachments that are the same', [bytes(5, 1), [bytes(5, 1), bytes(6, 1)]]],
])('items come out of their batch as they went in: %s', (_, items) => {
  expect(decode(batchOf(items), { isShared: items.length > 1 })).toEqual(items)
})

test('items that came together share no memory', () => {
  const [first, second] = decode(batchOf([bytes(8, 1), bytes(8, 2)]), { isShared: true }) as Uint8Array[]
  structuredClone(first, { transfer: [first!.buffer as ArrayBuffer] })
  expect([first!.length, second!.length]).toEqual([0, 8])
})

test('an item alone is the list that has it', () => {
  const { data } = encode([{ a: bytes(20, 1) }])
  expect(Buffer.compare(batchOf([{ a: bytes(20, 1) }]).data, data)).toBe(0)
})

test('a batch is empty after it was taken', () => {
  const batch = new ItemBatch()
  batch.add(encodeItem(bytes(9, 1), 'item', batch.base))
  batch.take()
  expect([batch.count, batch.bytes, batch.base]).toEqual([0, 0, 0])
})
