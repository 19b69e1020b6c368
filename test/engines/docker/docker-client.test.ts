import { once } from 'node:events'
import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { expect, test } from 'vitest'
import { EngineError } from '../../../src/core/errors.ts'
import { DockerClient } from '../../../src/engines/docker/docker-client.ts'

/** What answers a ping as an engine does, and everything else as told. */
async function clientOf(answer: RequestListener): Promise<AsyncDisposable & { readonly client: DockerClient }> {
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

test('an answer that does not begin is an error; one that has begun may take its time, until it is aborted', async () => {
  await using silent = await clientOf(() => {})
  await expect(silent.client.stream('GET', '/events')).rejects.toThrow(/has not answered GET \/events for/)
  await expect(silent.client.stream('GET', '/events')).rejects.toThrow(EngineError)
  await using slow = await clientOf((_request, response) => {
    response.write('first\n')
    setTimeout(() => response.write('second\n'), 600)
  })
  const stop = new AbortController()
  const response = await slow.client.stream('GET', '/events', { signal: stop.signal })
  let text = ''
  const reading = (async (): Promise<void> => {
    for await (const chunk of response.setEncoding('utf8')) {
      text += String(chunk)
      if (text.includes('second')) stop.abort()
    }
  })()
  await expect(reading).rejects.toThrow(/abort/i)
  expect(text).toBe('first\nsecond\n')
})
