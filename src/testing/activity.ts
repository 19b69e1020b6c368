import { setImmediate } from 'node:timers/promises'

/** Nothing of ours waits for more turns of the event loop than this. */
const quietTurns = 10
/** For what never comes to rest: a loop of calls without a wait. */
const mostTurns = 3_000

/** Whether anything still goes on in this process that needs no time to pass. */
export class Activity {
  #count = 0

  readonly note = (): void => void this.#count++

  /** Resolves when nothing has happened for some turns. */
  async rest(): Promise<void> {
    let seen = this.#count
    for (let turns = 0, quiet = 0; quiet < quietTurns && turns < mostTurns; turns++) {
      await setImmediate()
      quiet = this.#count === seen ? quiet + 1 : 0
      seen = this.#count
    }
  }
}
