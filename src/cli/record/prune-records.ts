import { rmSync } from 'node:fs'
import { listRecords } from './record.ts'

const MOST_RECORDS = 100
const MOST_BYTES = 512 * 1024 * 1024

/** Keeps the newest records, within a number and a size. */
export function pruneRecords(folder: string): void {
  let bytes = 0
  for (const [index, record] of listRecords(folder).entries()) {
    bytes += record.bytes
    if (index >= MOST_RECORDS - 1 || bytes > MOST_BYTES) rmSync(record.file, { force: true })
  }
}
