import type { IncomingMessage } from 'node:http'
import { Readable } from 'node:stream'
import { expect, test } from 'vitest'
import type { ApiClient } from '../../../src/engines/kubernetes/api-client.ts'
import { ApiError } from '../../../src/engines/kubernetes/api-error.ts'
import { podLog } from '../../../src/engines/kubernetes/detached/pod-log.ts'

/** A node's answers, one after another; an error ends one early. The pod has ended when there is no more. */
async function told(answers: readonly (readonly string[] | Error)[], follow = true): Promise<string[]> {
  let next = 0
  const client = {
    async stream(): Promise<IncomingMessage> {
      const answer = answers[next++]
      if (answer === undefined || answer instanceof Error) throw answer ?? new Error('asked once more')
      return Readable.from(answer.map((line) => Buffer.from(`${line}\n`))) as IncomingMessage
    },
    call: async () => ({ status: { phase: next < answers.length ? 'Running' : 'Succeeded' } }),
  } as unknown as ApiClient
  const lines: string[] = []
  for await (const line of podLog(client, '/pods/x', { follow, signal: AbortSignal.timeout(20_000) })) lines.push(line)
  return lines
}

test('a stream that breaks goes on where it was', async () => {
  const broken = Object.assign(new Error('it broke'), { code: 'ECONNRESET' })
  expect(await told([['a', 'b'], broken, ['a', 'b', 'c']])).toEqual(['a', 'b', 'c'])
})

test('of a file that the node began meanwhile nothing is lost', async () => {
  expect(
    await told([
      ['a', 'b', 'c'],
      ['c', 'result'],
    ]),
  ).toEqual(['a', 'b', 'c', 'c', 'result'])
})

test('a container that has not begun is waited for by who follows, and told to others', async () => {
  const early = new ApiError(400, { message: 'container "worker" is waiting to start' })
  expect(await told([early, ['a']])).toEqual(['a'])
  await expect(told([early], false)).rejects.toBe(early)
})

test('what the server refuses is thrown', async () => {
  const forbidden = new ApiError(403, { message: 'no' })
  await expect(told([forbidden])).rejects.toBe(forbidden)
})
