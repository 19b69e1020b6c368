import { readFile } from 'node:fs/promises'
import { join } from 'node:path'

const MIB = 2 ** 20
const CGROUPS = '/sys/fs/cgroup'

interface Counter {
  readonly file: string
  readonly limitFile: string
}

/**
 * Tells whether the kernel ended a process of this control group for lack of memory. It counts such kills and does not name them,
 * so a worker killed by SIGKILL is taken for the one when the count has grown since the last look.
 */
export class MemoryKills {
  #counter: Counter | undefined
  #seen = 0
  #turn: Promise<unknown> = Promise.resolve()

  /** Takes the count to compare with; without a control group there is none. */
  async prime(): Promise<void> {
    if (this.#counter || process.platform !== 'linux') return
    for (const counter of await counters()) {
      const count = await countOf(counter)
      if (count === undefined) continue
      this.#counter = counter
      this.#seen = count
      return
    }
  }

  /** Words about the limit if there was a kill since the last look. */
  take(): Promise<string | undefined> {
    const looked = this.#turn.then(() => this.#look())
    this.#turn = looked
    return looked
  }

  async #look(): Promise<string | undefined> {
    const count = this.#counter && (await countOf(this.#counter))
    if (!this.#counter || count === undefined || count <= this.#seen) return undefined
    this.#seen++
    const limit = Number(await read(this.#counter.limitFile))
    const bound = limit > 0 && limit < Number.MAX_SAFE_INTEGER ? `limit ${Math.round(limit / MIB)} MiB` : 'no limit of its own'
    return `ended by the kernel for lack of memory; the control group of the supervisor has ${bound}`
  }
}

/** Where this process's control group counts, newest scheme first; in a container its own group is the root. */
async function counters(): Promise<Counter[]> {
  const groups = (await read('/proc/self/cgroup')) ?? ''
  const unified = /^0::(.*)$/m.exec(groups)?.[1] ?? '/'
  const memory = /^\d+:[^:]*\bmemory\b[^:]*:(.*)$/m.exec(groups)?.[1] ?? '/'
  return [
    ...[unified, '/'].map((path) => ({ file: join(CGROUPS, path, 'memory.events'), limitFile: join(CGROUPS, path, 'memory.max') })),
    ...[memory, '/'].map((path) => ({
      file: join(CGROUPS, 'memory', path, 'memory.oom_control'),
      limitFile: join(CGROUPS, 'memory', path, 'memory.limit_in_bytes'),
    })),
  ]
}

async function countOf({ file }: Counter): Promise<number | undefined> {
  const count = /^oom_kill (\d+)/m.exec((await read(file)) ?? '')?.[1]
  return count === undefined ? undefined : Number(count)
}

function read(file: string): Promise<string | undefined> {
  return readFile(file, 'latin1').catch(() => undefined)
}
