import { expect, onTestFinished, test } from 'vitest'
import { ApiClient } from '../../../src/engines/kubernetes/api-client.ts'
import { json, serveApi, type Answer } from './serve-api.ts'

test('calls, streams and websockets say as whom they are to be taken', async () => {
  const sent: string[][] = []
  const heard =
    (answer: Answer): Answer =>
    (response, request) => {
      const { rawHeaders } = request
      const pairs = rawHeaders.flatMap((name, at) => (at % 2 === 0 ? [[name.toLowerCase(), rawHeaders[at + 1]] as const] : []))
      sent.push(pairs.filter(([name]) => name.startsWith('impersonate')).map(([name, value]) => `${name}: ${value}`))
      answer(response, request)
    }
  const { client } = await serveApi(heard(json(200, {})), heard(json(200, {})), heard(json(403, { message: 'no' })))
  const impersonate = { user: 'deployer', uid: '7', groups: ['team', 'ops'], extra: { 'acme.com/why': ['night'] } }
  const other = new ApiClient({ ...client.cluster, user: { impersonate } }, {})
  onTestFinished(() => other.close())
  await other.call('GET', '/api')
  const answer = await other.stream('/log', {})
  answer.resume()
  const socket = other.socket('/exec', { query: 'a=b', protocol: 'p' }, (one) => one.on('error', () => {}))
  await expect(socket).rejects.toMatchObject({ status: 403 })
  const headers = [
    'impersonate-user: deployer',
    'impersonate-uid: 7',
    'impersonate-group: team',
    'impersonate-group: ops',
    'impersonate-extra-acme.com%2fwhy: night',
  ]
  expect(sent).toEqual([headers, headers, headers])
})
