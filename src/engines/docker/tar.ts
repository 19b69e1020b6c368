/** Writes tar archives (pax): names and links of any length, owned by root, with the content streamed from files. */
import { createReadStream } from 'node:fs'

export type TarEntry =
  | { readonly type: 'file'; readonly name: string; readonly mode: number; readonly size: number; readonly path: string }
  | { readonly type: 'folder'; readonly name: string; readonly mode: number }
  | { readonly type: 'link'; readonly name: string; readonly to: string }
  | { readonly type: 'text'; readonly name: string; readonly mode: number; readonly text: string }

const blockBytes = 512
/** A size in the header is eleven octal digits. */
const largestSize = 8 ** 11 - 1

export async function* writeTar(entries: AsyncIterable<TarEntry> | Iterable<TarEntry>): AsyncGenerator<Buffer, void> {
  for await (const entry of entries) {
    yield* header(entry)
    if (entry.type === 'file') yield* fileContent(entry.path, entry.size)
    if (entry.type === 'text') yield padded(Buffer.from(entry.text))
  }
  yield Buffer.alloc(2 * blockBytes)
}

async function* fileContent(path: string, size: number): AsyncGenerator<Buffer, void> {
  if (size === 0) return
  let sent = 0
  for await (const chunk of createReadStream(path, { end: size - 1, highWaterMark: 256 << 10 }) as AsyncIterable<Buffer>) {
    sent += chunk.length
    yield chunk
  }
  if (sent !== size) throw new Error(`${path} became shorter while it was read.`)
  const rest = size % blockBytes
  if (rest > 0) yield Buffer.alloc(blockBytes - rest)
}

function padded(content: Buffer): Buffer {
  return Buffer.concat([content, Buffer.alloc((blockBytes - (content.length % blockBytes)) % blockBytes)])
}

function* header(entry: TarEntry): Generator<Buffer, void> {
  const name = entry.type === 'folder' ? `${entry.name}/` : entry.name
  const link = entry.type === 'link' ? entry.to : ''
  const size = entry.type === 'file' ? entry.size : entry.type === 'text' ? Buffer.byteLength(entry.text) : 0
  const records = [
    ...record('path', name, 100),
    ...record('linkpath', link, 100),
    ...(size > largestSize ? record('size', String(size), 0) : []),
  ]
  if (records.length > 0) {
    const content = Buffer.from(records.join(''))
    yield block({ name: 'pax', mode: 0o644, size: content.length, flag: 'x', link: '' })
    yield padded(content)
  }
  const flag = entry.type === 'folder' ? '5' : entry.type === 'link' ? '2' : '0'
  yield block({
    name: fitting(name),
    mode: entry.type === 'link' ? 0o777 : entry.mode,
    size: Math.min(size, largestSize),
    flag,
    link: fitting(link),
  })
}

/** A pax record counts its own length in. */
function record(key: string, value: string, limit: number): string[] {
  if (Buffer.byteLength(value) <= limit && /^[\x20-\x7e]*$/.test(value)) return []
  const rest = Buffer.byteLength(` ${key}=${value}\n`)
  let length = rest + String(rest).length
  if (rest + String(length).length !== length) length = rest + String(length).length
  return [`${length} ${key}=${value}\n`]
}

function fitting(text: string): string {
  return Buffer.from(text).subarray(0, 100).toString('latin1')
}

function block(head: { name: string; mode: number; size: number; flag: string; link: string }): Buffer {
  const bytes = Buffer.alloc(blockBytes)
  bytes.write(head.name, 0, 100, 'latin1')
  bytes.write(octal(head.mode, 8), 100, 'latin1')
  bytes.write(octal(0, 8), 108, 'latin1')
  bytes.write(octal(0, 8), 116, 'latin1')
  bytes.write(octal(head.size, 12), 124, 'latin1')
  // A fixed time: the same content is the same archive.
  bytes.write(octal(1_000_000_000, 12), 136, 'latin1')
  bytes.write('        ', 148, 'latin1')
  bytes.write(head.flag, 156, 'latin1')
  bytes.write(head.link, 157, 100, 'latin1')
  bytes.write('ustar\0' + '00', 257, 'latin1')
  const sum = bytes.reduce((total, byte) => total + byte, 0)
  bytes.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1')
  return bytes
}

function octal(value: number, width: number): string {
  return `${value.toString(8).padStart(width - 1, '0')}\0`
}
