import { once } from 'node:events'
import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { DockerClient } from '../../../src/engines/docker/docker-client.ts'

/** What answers a ping as an engine does, and everything else as told. */
export async function clientOf(answer: RequestListener): Promise<AsyncDisposable & { readonly client: DockerClient }> {
  const server = createServer((request, response) => {
    if (request.url === '/_ping') response.setHeader('api-version', '1.41').end('OK')
    else answer(request, response)
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const endpoint = { kind: 'tcp', name: `tcp://127.0.0.1:${port}`, host: '127.0.0.1', port } as const
  const client = await DockerClient.connect(endpoint, new AbortController().signal, { answerMs: 200 })
  return {
    client,
    async [Symbol.asyncDispose]() {
      client.close()
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}
