/**
 * Finds processes by the mark in their environment, whatever group, session or parent they have. Linux only: elsewhere nothing is
 * found, and a subprocess that left its worker's process group is out of reach.
 */
import { readFile, readdir } from 'node:fs/promises'
import { setTimeout as delay } from 'node:timers/promises'
import { isZombie } from '../host-process.ts'
import { findMark, type Mark } from './marker.ts'

const READS_AT_ONCE = 16
/** The process has gone meanwhile, or belongs to somebody else. */
const UNREADABLE = new Set(['ENOENT', 'ESRCH', 'EACCES', 'EPERM'])
/** Other reads give descriptors back soon. */
const NO_DESCRIPTOR = new Set(['EMFILE', 'ENFILE'])
const DESCRIPTOR_WAIT_MS = 5_000
const NAP_MS = 10

interface Request {
  readonly needle: string
  readonly since: Moment | undefined
  readonly settle: (found: number[] | PromiseLike<number[]>) => void
}

/** A process id and how many processes the kernel had started when that id was given out, or earlier. */
export interface Moment {
  readonly pid: number
  readonly forks: number
}

export class ProcessTable {
  readonly #isLinux: boolean = process.platform === 'linux'
  #waiting: Request[] = []
  #scanning = false
  #scans = 0
  #forks = 0

  /** How often all processes were gone through. */
  get scans(): number {
    return this.#scans
  }

  /** Makes the first scans cheap: what is older than this call need not be looked at. Without it they take all processes. */
  async prime(): Promise<void> {
    if (this.#isLinux) this.#forks = await countForks().catch(() => 0)
  }

  /** To be asked right after a process was started. */
  momentOf(pid: number): Moment {
    return { pid, forks: this.#forks }
  }

  /**
   * The ids of processes that have `needle` in their environment. With `since`, only descendants of that process are looked for.
   * Requests that come during a scan share the next one.
   */
  find(needle: string, since?: Moment): Promise<number[]> {
    if (!this.#isLinux) return Promise.resolve([])
    return new Promise((settle) => {
      this.#waiting.push({ needle, since, settle })
      if (!this.#scanning) void this.#scanWhileAsked()
    })
  }

  /** All marked processes, subprocesses of workers included. */
  async marks(): Promise<{ readonly pid: number; readonly mark: Mark }[]> {
    if (!this.#isLinux) return []
    const found: { pid: number; mark: Mark }[] = []
    await eachFile(await processIds(), 'environ', (pid, environment) => {
      const mark = findMark(environment)
      if (mark) found.push({ pid, mark })
    })
    return found
  }

  /** Whether a process group has a member that still runs; a zombie does not. */
  async groupLives(group: number): Promise<boolean> {
    let lives = false
    await eachFile(await processIds(), 'stat', (_pid, stat) => {
      const [, , member] = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
      if (Number(member) === group && !isZombie(stat)) lives = true
    })
    return lives
  }

  /** Never rejects: a failed scan rejects the requests that it was for. */
  async #scanWhileAsked(): Promise<void> {
    this.#scanning = true
    while (this.#waiting.length > 0) {
      const requests = this.#waiting
      this.#waiting = []
      try {
        const found = await this.#scan(requests)
        for (const [index, request] of requests.entries()) request.settle(found[index] ?? [])
      } catch (error) {
        for (const request of requests) request.settle(Promise.reject(error as Error))
      }
    }
    this.#scanning = false
  }

  async #scan(requests: readonly Request[]): Promise<number[][]> {
    this.#scans++
    const found = requests.map((): number[] => [])
    const lowest = await this.#lowestPid(requests)
    const candidates = (await processIds()).filter((pid) => pid >= lowest && pid !== process.pid)
    await eachFile(candidates, 'environ', (pid, environment) => {
      for (const [index, { needle }] of requests.entries()) if (environment.includes(needle)) found[index]?.push(pid)
    })
    return found
  }

  /**
   * Ids are given out in rising order until they wrap around. As long as the kernel has started fewer processes since then than
   * there were ids left, every descendant's id is above its ancestor's, and older processes need no look.
   */
  async #lowestPid(requests: readonly Request[]): Promise<number> {
    const [forks, limit] = await Promise.all([countForks(), patiently(() => readFile('/proc/sys/kernel/pid_max', 'latin1'))])
    const lowest = requests.map(({ since }) => (since && forks - since.forks < Number(limit) - since.pid ? since.pid : 0))
    this.#forks = forks
    return Math.min(...lowest)
  }
}

/** Processes and threads that the kernel has started since the boot. */
async function countForks(): Promise<number> {
  const stat = await patiently(() => readFile('/proc/stat', 'latin1'))
  return Number(/^processes (\d+)$/m.exec(stat)?.[1] ?? Infinity)
}

async function processIds(): Promise<number[]> {
  return (await patiently(() => readdir('/proc'))).map(Number).filter((pid) => pid > 0)
}

async function eachFile(pids: readonly number[], file: string, look: (pid: number, text: string) => void): Promise<void> {
  const rest = pids.values()
  const read = async (): Promise<void> => {
    for (const pid of rest) {
      const text = await patiently(() => readFile(`/proc/${pid}/${file}`, 'latin1')).catch((error: NodeJS.ErrnoException) => {
        if (error.code && UNREADABLE.has(error.code)) return ''
        throw error
      })
      look(pid, text)
    }
  }
  await Promise.all(Array.from({ length: Math.min(READS_AT_ONCE, pids.length) }, read))
}

/** Ending workers must not fail for the same want of descriptors for which a start has failed. */
async function patiently<T>(read: () => Promise<T>): Promise<T> {
  for (const deadline = performance.now() + DESCRIPTOR_WAIT_MS; ; await delay(NAP_MS)) {
    try {
      return await read()
    } catch (error) {
      if (!NO_DESCRIPTOR.has((error as NodeJS.ErrnoException).code ?? '') || performance.now() > deadline) throw error
    }
  }
}
