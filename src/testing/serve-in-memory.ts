import type { Duplex, PassThrough } from 'node:stream'
import type { LogLevel } from '../core/events.ts'
import { loadTask } from '../worker/load.ts'
import type { LoadTask } from '../worker/execute.ts'
import type { Output } from '../worker/output.ts'
import { serve } from '../worker/serve.ts'

/** A worker's program for the engine `memory`: it serves a run in this process, with variables and working directory as they are. */
export function serveInMemory(load: LoadTask = loadTask): (channel: Duplex, output: PassThrough) => Promise<'accepted' | 'lost'> {
  return (channel, stream) => serve({ channel, output: recordsTo(stream), load, setEnvironment: () => undefined })
}

function recordsTo(stream: PassThrough): Output {
  const write = (record: object): void => void stream.write(`\x1e${JSON.stringify(record)}\n`)
  return {
    log(level: LogLevel, message: string, fields: object) {
      for (const text of message.split('\n')) write({ level, stream: 'log', text, ...(Object.keys(fields).length > 0 ? { fields } : {}) })
    },
    flush: (token) => write({ flush: token }),
  }
}
