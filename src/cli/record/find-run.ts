import { UsageError } from '../../core/errors.ts'
import { listRecords, noRecords } from './record.ts'
import { RecordReader } from './record-reader.ts'

/** The record that holds a run: a root by its file's name, any other run by looking into the records, newest first. */
export function findRun(wanted: string, folder: string): { file: string; run: string } {
  const records = listRecords(folder)
  const [newest] = records
  if (wanted === 'latest' && newest) return { file: newest.file, run: newest.id }
  const roots = records.filter(({ id }) => id === wanted || id.startsWith(wanted))
  const root = roots.find(({ id }) => id === wanted) ?? (roots.length === 1 ? roots[0] : undefined)
  if (root) return { file: root.file, run: root.id }
  if (roots.length > 1)
    throw new UsageError(
      `${wanted} fits ${roots.length} runs: ${roots
        .slice(0, 5)
        .map(({ id }) => id)
        .join(', ')}. Give more of the id.`,
    )
  for (const { file } of records) {
    const reader = new RecordReader(file)
    const runs = reader.read().flatMap((line) => (line.type === 'created' && line.run.startsWith(wanted) ? [line.run] : []))
    reader.close()
    const exact = runs.find((run) => run === wanted) ?? (runs.length === 1 ? runs[0] : undefined)
    if (exact !== undefined) return { file, run: exact }
    if (runs.length > 1) throw new UsageError(`${wanted} fits ${runs.length} runs: ${runs.slice(0, 5).join(', ')}. Give more of the id.`)
  }
  if (!newest) throw new UsageError(noRecords(folder))
  throw new UsageError(`There is no record of a run ${wanted} in ${folder}; the newest is ${newest.id}.`)
}
