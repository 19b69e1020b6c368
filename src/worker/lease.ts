import type { Duplex } from 'node:stream'

/** So many in a lease, as pings. */
const ticks = 3

/**
 * For how long a worker goes on that hears nothing of its supervisor, on a stream that nobody may tell it the end of. A function that
 * computes keeps everything from being read, pings too, so silence is what was not there to be read:
 *
 * L1  Ticks are counted, not time: of all that pass while this process does nothing else, or does not run at all, there is one.
 * L2  The last one is judged after a turn of the event loop: Node runs timers that are due before it reads what has come meanwhile.
 * L3  Any byte is a sign of life: on a slow network a large value keeps pings waiting behind it.
 */
export class Lease {
  readonly #timer: NodeJS.Timeout
  #silentTicks = 0

  constructor(stream: Duplex, leaseMs: number, onMissed: () => void) {
    const judge = (): void => {
      if (this.#silentTicks >= ticks) onMissed()
    }
    this.#timer = setInterval(() => {
      this.#silentTicks++
      setImmediate(judge)
    }, leaseMs / ticks).unref()
    stream.on('data', () => {
      this.#silentTicks = 0
      this.#timer.refresh()
    })
  }

  end(): void {
    clearInterval(this.#timer)
  }
}
