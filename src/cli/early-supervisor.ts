import type { LocalSupervisor } from '../client/local.ts'

/**
 * A supervisor that opens its engine while the program is still being compiled. Closed again unless it was taken: for a program that
 * cannot be compiled nothing stays behind.
 */
export class EarlySupervisor implements AsyncDisposable {
  #opening: Promise<LocalSupervisor> | undefined

  constructor(opening: Promise<LocalSupervisor> | undefined) {
    this.#opening = opening
    // Whoever takes it hears of what is wrong with it.
    opening?.catch(() => {})
  }

  take(): Promise<LocalSupervisor> | undefined {
    const taken = this.#opening
    this.#opening = undefined
    return taken
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const supervisor = await this.#opening?.catch(() => undefined)
    await supervisor?.close()
  }
}
