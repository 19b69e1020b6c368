import { accessSync, constants, createWriteStream, existsSync, mkdirSync, rmSync, writeFileSync, type WriteStream } from 'node:fs'
import { join } from 'node:path'
import type { RunEvent } from '../../core/events.ts'
import { ownOrigin } from '../../engines/origin.ts'
import { eventLine } from '../event-line.ts'
import type { Outcome } from '../views/view.ts'
import { maskOf } from './mask.ts'
import { pruneRecords } from './prune-records.ts'
import { RECORD_VERSION, type RecordHeader } from './record.ts'

/** A record larger than this takes no more log lines; it says how many are missing. */
const MAX_RECORD_BYTES = 128 * 1024 * 1024
const MAX_BEHIND_BYTES = 16 * 1024 * 1024
const BATCH_CHARACTERS = 64 * 1024

export interface RecorderOptions {
  /** The folder of records: `.cowait/runs` in the project. */
  readonly folder: string
  readonly command: readonly string[]
  /** Texts that are never written: the values of variables that were given to the run. */
  readonly secrets: readonly string[]
}

/** Writes what happens to one root run and all below it into one file, an event a line. */
export class Recorder {
  readonly #stream: WriteStream
  readonly #mask: ((key: string, value: unknown) => unknown) | undefined
  #pending = ''
  #bytes = 0
  #fault: Error | undefined
  readonly #dropped = new Map<string, number>()

  private constructor(stream: WriteStream, secrets: readonly string[]) {
    this.#stream = stream
    this.#mask = maskOf(secrets)
    stream.on('error', (error) => (this.#fault = error))
  }

  /** Nothing for a folder that cannot be written: a run does not fail for want of a record. */
  static open(root: string, options: RecorderOptions): Recorder | undefined {
    try {
      mkdirSync(options.folder, { recursive: true, mode: 0o700 })
      const ignored = join(options.folder, '..', '.gitignore')
      if (!existsSync(ignored)) writeFileSync(ignored, '*\n')
      accessSync(options.folder, constants.W_OK)
      pruneRecords(options.folder)
    } catch {
      return undefined
    }
    const now = new Date()
    const stamp = now.toISOString().slice(0, 23).replaceAll(':', '-')
    const stream = createWriteStream(join(options.folder, `${stamp}-${root}.ndjson`), { mode: 0o600, flags: 'wx' })
    const recorder = new Recorder(stream, options.secrets)
    const header: RecordHeader = {
      type: 'record',
      version: RECORD_VERSION,
      root,
      command: options.command,
      at: now.getTime(),
      pid: process.pid,
      origin: ownOrigin(''),
    }
    recorder.#write(header)
    return recorder
  }

  event(event: RunEvent): void {
    if (event.type === 'log' && (this.#bytes > MAX_RECORD_BYTES || this.#stream.writableLength > MAX_BEHIND_BYTES)) {
      this.#dropped.set(event.run, (this.#dropped.get(event.run) ?? 0) + 1)
      return
    }
    const lines = this.#dropped.get(event.run)
    if (lines !== undefined && this.#dropped.delete(event.run)) {
      this.#write({ type: 'dropped', lines, run: event.run, seq: event.seq - 1, at: event.at })
    }
    if (this.#mask) this.#write(event)
    else this.#append(eventLine(event))
  }

  /** Writes how it ended. Resolves when the file is complete, with what kept it from being so. */
  async end({ run, status, exitCode, durationMs, left }: Outcome): Promise<Error | undefined> {
    this.#write({ type: 'result', run, status, exitCode, durationMs, left })
    this.#drain()
    await new Promise<void>((resolve) => {
      // A disk that is full has closed it already.
      if (this.#stream.closed) return resolve()
      this.#stream.once('close', resolve)
      this.#stream.end()
    })
    // A file without its first line is no record.
    if (this.#fault && this.#stream.bytesWritten === 0) rmSync(this.#stream.path, { force: true })
    return this.#fault
  }

  #write(line: object): void {
    this.#append(`${JSON.stringify(line, this.#mask)}\n`)
  }

  #append(text: string): void {
    this.#bytes += text.length
    if (this.#pending === '') setTimeout(() => this.#drain(), 100).unref()
    this.#pending += text
    if (this.#pending.length > BATCH_CHARACTERS) this.#drain()
  }

  #drain(): void {
    if (this.#pending === '') return
    this.#stream.write(this.#pending)
    this.#pending = ''
  }
}
