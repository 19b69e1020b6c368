/** Two ends of the protocol with a proxy between them: a supervisor's and a worker's. */
import { expect } from 'vitest'
import { Bodies, type BodiesOptions } from '../../src/protocol/bodies.ts'
import { Channel, type ChannelOptions } from '../../src/protocol/channel.ts'
import type { Both, Down, Up } from '../../src/protocol/messages.ts'
import { parseDown, parseUp } from '../../src/protocol/parse.ts'
import { proxiedPair, type Proxy } from './proxy.ts'

export type SupervisorChannel = Channel<Up | Both, Down | Both>
export type WorkerChannel = Channel<Down | Both, Up | Both>

export interface Ends extends AsyncDisposable {
  readonly supervisor: SupervisorChannel
  readonly worker: WorkerChannel
  /** What the worker sends goes `toRight`. */
  readonly proxy: Proxy
}

export async function openEnds(options: ChannelOptions<Down | Both> = {}): Promise<Ends> {
  const { left, right, proxy } = await proxiedPair()
  const worker: WorkerChannel = new Channel(left, parseDown)
  const supervisor: SupervisorChannel = new Channel(right, parseUp, options)
  return {
    supervisor,
    worker,
    proxy,
    async [Symbol.asyncDispose]() {
      await proxy[Symbol.asyncDispose]()
      await Promise.all([worker.close(), supervisor.close()])
    },
  }
}

export interface BodiesEnds extends Ends {
  readonly up: Bodies<Down, Up>
  readonly down: Bodies<Up, Down>
}

export async function openBodies(options: BodiesOptions = {}): Promise<BodiesEnds> {
  const ends = await openEnds()
  return { ...ends, up: new Bodies<Down, Up>(ends.worker), down: new Bodies<Up, Down>(ends.supervisor, options) }
}

/** Resolves once `holds`; fails after 10 s. */
export async function until(holds: () => boolean, what: string): Promise<void> {
  const deadline = performance.now() + 10_000
  while (!holds()) {
    if (performance.now() > deadline) throw new Error(`waited 10 s for ${what}`)
    await new Promise((resolve) => setTimeout(resolve, 2))
  }
}

/** No socket and no timer is left in this process. */
export async function expectNoLeaks(): Promise<void> {
  const left = (): string[] => process.getActiveResourcesInfo().filter((name) => /TCP|Timeout/.test(name))
  const deadline = performance.now() + 3000
  while (left().length > 0 && performance.now() < deadline) await new Promise((resolve) => setImmediate(resolve))
  expect(left()).toEqual([])
}
