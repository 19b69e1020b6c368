import type { IncomingMessage } from 'node:http'
import { Readable } from 'node:stream'
import { expect, test } from 'vitest'
import type { ApiClient } from '../../../src/engines/kubernetes/api-client.ts'
import { ApiError } from '../../../src/engines/kubernetes/api-error.ts'
import { podLog } from '../../../src/engines/kubernetes/detached/pod-log.ts'

type Said = readonly string[] | string | Error

/** A node's answers, one after another: lines, or a text as it is; an error ends one early. The pod has ended when there is no more. */
async function told(answers: readonly Said[], follow = true, states: Error[] = []): Promise<string[]> {
  let next = 0
  const client = {
    async stream(): Promise<IncomingMessage> {
      const answer = answers[next++]
      if (answer === undefined || answer instanceof Error) throw answer ?? new Error('asked once more')
      const pieces = typeof answer === 'string' ? [...Buffer.from(answer)].map((byte) => Buffer.of(byte)) : answer.map(lineOf)
      return Readable.from(pieces) as IncomingMessage
    },
    call: async () => {
      const state = states.shift()
      if (state) throw state
      return { status: { phase: next < answers.length ? 'Running' : 'Succeeded' } }
    },
  } as unknown as ApiClient
  const lines: string[] = []
  for await (const line of podLog(client, '/pods/x', { follow, signal: AbortSignal.timeout(20_000) })) lines.push(line)
  return lines
}

const lineOf = (line: string): Buffer => Buffer.from(`${line}\n`)

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

test('a line in the middle of which a stream ends is told once, and in full', async () => {
  expect(await told(['a\nzwö', 'a\nzwölf\r\nc\n'])).toEqual(['a', 'zwölf', 'c'])
  expect(await told([['a'], 'a\n{"resu', ['a', '{"result":1}']])).toEqual(['a', '{"result":1}'])
})

test('the last words of a container that ended without an end of line are told', async () => {
  expect(await told(['a\nlast', 'a\nlast'])).toEqual(['a', 'last'])
  expect(await told(['a\nlast', new ApiError(404, { message: 'gone' })])).toEqual(['a', 'last'])
  expect(await told(['a\nlast'], false)).toEqual(['a', 'last'])
})

test('whether its container has ended is asked again when the server does not say', async () => {
  const busy = new ApiError(503, { message: 'starting' })
  expect(await told([['a'], ['a', 'b']], true, [busy])).toEqual(['a', 'b'])
})
