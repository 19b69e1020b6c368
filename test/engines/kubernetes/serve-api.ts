/** Something that speaks as an API server in trouble does. */
import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { onTestFinished } from 'vitest'
import { ApiClient } from '../../../src/engines/kubernetes/api-client.ts'

export type Answer = (response: ServerResponse, request: IncomingMessage) => void

/** Each request gets the next answer; when there are no more, one that never ends. */
export async function serveApi(...answers: Answer[]) {
  const asked: string[] = []
  const server = createServer((request, response) => {
    asked.push(`${request.method} ${request.url}`)
    const answer = answers.shift()
    if (answer) answer(response, request)
    else response.writeHead(200).flushHeaders()
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const cluster = { name: 'c', server: new URL(`http://127.0.0.1:${port}/prefix`), insecure: false, namespace: 'n', user: {}, from: 'test' }
  const client = new ApiClient(cluster, {})
  onTestFinished(() => {
    client.close()
    server.closeAllConnections()
    server.close()
  })
  return { asked, client }
}

export const json =
  (status: number, body: unknown, headers: Record<string, string> = {}): Answer =>
  (response) =>
    void response.writeHead(status, headers).end(JSON.stringify(body))

export const broken: Answer = (response) => void response.socket?.destroy()
