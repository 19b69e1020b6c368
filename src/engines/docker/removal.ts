/** Makes a container gone, however it stands: asks, waits, kills, removes. */
import { setTimeout as pause } from 'node:timers/promises'
import { EngineError } from '../../core/errors.ts'
import { ApiError, connectionError, isMissing, isTimeout } from './api-error.ts'
import type { ApiContainer } from './api-types.ts'
import type { DockerClient } from './docker-client.ts'

/** From the kill to the moment when nothing is left. A daemon under load takes seconds. */
const removalBoundMs = 60_000

export interface Removal {
  readonly containerId: string
  readonly graceMs: number
  /** Settles when the container's process has ended; never, where nobody listens. */
  readonly exited: Promise<unknown>
  /** Settles when the engine no longer has it. */
  readonly gone: Promise<unknown>
}

/** Throws an `EngineError` when the engine does not answer, or does not manage to remove it. */
export async function removeContainer(client: DockerClient, { containerId, graceMs, exited, gone }: Removal): Promise<void> {
  const path = `/containers/${containerId}`
  try {
    if (graceMs > 0 && (await signal(client, path, 'SIGTERM'))) await within(exited, graceMs)
    // Alone, a forced removal would do; but where the container is being removed already, it kills nothing.
    if (await signal(client, path, 'SIGKILL')) await unpause(client, path)
    const deadline = performance.now() + removalBoundMs
    for (let waitMs = 20; ; waitMs = Math.min(waitMs * 2, 500)) {
      if (await forceRemoval(client, path)) return
      if (performance.now() > deadline)
        throw new EngineError(`Container ${containerId} could not be removed within ${removalBoundMs / 1000} s.`, {
          hint: `Try "docker rm -f ${containerId}".`,
        })
      await within(gone, waitMs)
    }
  } catch (error) {
    throw connectionError(error, client.endpoint)
  }
}

/** False when nothing runs there. */
async function signal(client: DockerClient, path: string, name: string): Promise<boolean> {
  try {
    await client.call('POST', `${path}/kill`, { query: { signal: name }, signal: AbortSignal.timeout(10_000) })
    return true
  } catch (error) {
    // Gone, ended, ending: each engine says it in its own way, and the forced removal finds out.
    if (error instanceof ApiError) return false
    // The daemon is slow, or its own lock is held: the forced removal that follows goes another way.
    if (isTimeout(error)) return true
    throw error
  }
}

/** A process that is frozen takes no signal, not even the last. */
async function unpause(client: DockerClient, path: string): Promise<void> {
  try {
    const { State } = await client.call<ApiContainer>('GET', `${path}/json`)
    if (State.Paused) await client.call('POST', `${path}/unpause`)
  } catch (error) {
    if (!(error instanceof ApiError)) throw error
  }
}

/** True when it is gone. */
async function forceRemoval(client: DockerClient, path: string): Promise<boolean> {
  try {
    await client.call('DELETE', path, { query: { force: true, v: true } })
    return true
  } catch (error) {
    if (isMissing(error)) return true
    // 409: auto-remove is at it. 500: the engine stumbles over its own removal; both pass.
    if (error instanceof ApiError) return false
    throw error
  }
}

/** Waits for a promise, but not for long. */
export async function within(promise: Promise<unknown>, ms: number): Promise<void> {
  const stop = new AbortController()
  await Promise.race([promise, pause(ms, undefined, { signal: stop.signal }).catch(() => {})])
  stop.abort()
}
