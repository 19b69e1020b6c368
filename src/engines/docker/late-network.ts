/**
 * How a running container gets into the isolated network.
 *
 * A container that is started in a network waits for it before its first process runs: for the network itself where nobody has made it
 * yet, and for name service inside (with Docker 20.10, a start in it takes 310 ms, one without any network 215). So a worker starts with
 * no network at all and joins while its Node boots. It gets its run, and with it the user's code, only after that.
 */
import { ApiError } from './api-error.ts'
import type { Container } from './container.ts'
import type { DockerClient } from './docker-client.ts'
import { isolatedNetwork, type IsolatedNetwork } from './isolated-network.ts'
import { within } from './removal.ts'

/** How often joining is tried again when another supervisor removed the network meanwhile. */
const networkTries = 8

/** The event of a container's end may come after the refusal. */
const endPatienceMs = 1000

/** The engine does not let running containers into a network. */
export class JoinRefused extends Error {}

/** Also resolves for a container that has ended meanwhile: its end says why. */
export async function joinIsolated(
  client: DockerClient,
  container: Container,
  network: IsolatedNetwork,
  signal: AbortSignal,
): Promise<void> {
  const body = { Container: container.facts.containerId }
  try {
    await client.call('POST', '/networks/none/disconnect', { body })
    for (let tries = 1; ; tries++) {
      const id = await network.ensure(signal)
      try {
        return await client.call('POST', `/networks/${id}/connect`, { body })
      } catch (error) {
        if (!tellsOf(id, error) || tries === networkTries || container.hasExited) throw error
        network.forget(id)
      }
    }
  } catch (error) {
    if (!(error instanceof ApiError)) throw error
    await within(container.exited, endPatienceMs)
    if (!container.hasExited) throw new JoinRefused(error.message, { cause: error })
  }
}

/** The engine names a network in one way or the other. */
export function tellsOf(networkId: string, error: unknown): boolean {
  return error instanceof ApiError && (error.message.includes(networkId) || error.message.includes(isolatedNetwork))
}
