import { once } from 'node:events'
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { inspect } from 'node:util'
import { afterEach, beforeEach, expect, onTestFinished, test, vi } from 'vitest'
import { WebSocketServer } from 'ws'
import { ApiClient } from '../../../src/engines/kubernetes/api-client.ts'
import { CredentialSource } from '../../../src/engines/kubernetes/credentials.ts'
import type { Cluster, User } from '../../../src/engines/kubernetes/kubeconfig.ts'
import { createKubernetesEngine } from '../../../src/engines/kubernetes/kubernetes-engine.ts'

let folder = ''
beforeEach(() => (folder = mkdtempSync(join(tmpdir(), 'credentials-'))))
afterEach(() => rmSync(folder, { recursive: true }))

function write(name: string, text: string): string {
  writeFileSync(join(folder, name), text)
  return join(folder, name)
}

function clusterOf(user: User, server = 'http://127.0.0.1:1'): Cluster {
  return { name: 'c', server: new URL(server), insecure: false, namespace: 'n', user, from: 'test' }
}

/** A login whose `n`th answer is `token-n` and lasts until it is `until`; it fails while there is a file `broken`, and waits for one that is `held`. */
function login(until: number) {
  const file = write(
    'login',
    `#!/bin/sh
cd "${folder}"; echo x >> asked; n=$(wc -l < asked); while [ -e held ]; do sleep 0.02; done
[ -e broken ] && { echo "no login" >&2; exit 1; }
echo '{"kind":"ExecCredential","status":{"token":"token-'$((n))'","expirationTimestamp":"${new Date(until).toISOString()}"}}'`,
  )
  chmodSync(file, 0o755)
  const asked = (): number => (existsSync(join(folder, 'asked')) ? readFileSync(join(folder, 'asked'), 'utf8').length / 2 : 0)
  const exec = { apiVersion: 'client.authentication.k8s.io/v1', command: file, args: [], env: {}, provideClusterInfo: false }
  return { asked, source: new CredentialSource(clusterOf({ exec }), process.env) }
}

function clock(): { at: (ms: number) => void; from: number } {
  vi.useFakeTimers({ toFake: ['Date'] })
  onTestFinished(() => void vi.useRealTimers())
  const from = Date.now()
  return { from, at: (ms) => void vi.setSystemTime(from + ms) }
}

const minute = 60_000
const soon = { timeout: 20_000 }

test('a login is renewed in the background, and the old one serves until it has run out, also when that fails', async () => {
  const { from, at } = clock()
  const { source, asked } = login(from + 10 * minute)
  const token = async (): Promise<string | undefined> => (await source.get()).authorization
  expect(await token()).toBe('Bearer token-1')
  at(9.5 * minute)
  write('held', '')
  expect(await token()).toBe('Bearer token-1')
  await expect.poll(asked, soon).toBe(2)
  expect(await token()).toBe('Bearer token-1')
  write('broken', '')
  rmSync(join(folder, 'held'))
  let later = 9.5 * minute
  await expect.poll(async () => (at((later += 500)), await token(), asked()), soon).toBe(3)
  expect(await token()).toBe('Bearer token-1')
  at(11 * minute)
  await expect(source.get()).rejects.toThrow(/no login/)
  await expect(source.get()).rejects.toThrow(/no login/)
  rmSync(join(folder, 'broken'))
  expect(await token()).toBe(`Bearer token-${asked()}`)
})

/** A login that is this script; what it is told is secret. */
function plugin(script: string, tell?: (text: string) => void): CredentialSource {
  const command = write('plugin', `#!/bin/sh\ncd "${folder}"\n${script}\n`)
  chmodSync(command, 0o755)
  const args = ['--oidc-client-secret=hush']
  const exec = { apiVersion: 'client.authentication.k8s.io/v1', command, args, env: {}, provideClusterInfo: false }
  return new CredentialSource(clusterOf({ exec }), process.env, tell)
}

const errorOf = async (source: CredentialSource): Promise<unknown> => await source.get().then(String, (error: unknown) => error)

test.each([
  ['exit 3', /plugin ended with exit code 3$/],
  ['echo "no such tenant" >&2; exit 3', /plugin ended with exit code 3: no such tenant$/],
  ['kill -9 $$', /plugin was ended by SIGKILL$/],
  ['echo "secret-token"', /printed 13 characters that are no JSON/],
])('a login that fails is told without its arguments and its answer: %s', async (script, message) => {
  const error = await errorOf(plugin(script))
  expect(error).toMatchObject({ code: 'ENGINE', message: expect.stringMatching(message) as string })
  expect(inspect(error)).not.toMatch(/hush|secret-token/)
})

test('a login that never ends is told with its name and the time it had', async () => {
  const source = plugin('echo $$ > pid; exec sleep 600')
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
  onTestFinished(() => void vi.useRealTimers())
  const error = errorOf(source)
  while (!existsSync(join(folder, 'pid'))) await new Promise(setImmediate)
  vi.advanceTimersByTime(60_000)
  expect(await error).toMatchObject({ message: expect.stringMatching(/plugin gave none within 60 s$/) as string })
})

test('what a login says to a person is told while it waits for that person', async () => {
  const said: string[] = []
  const answer = `{"status":{"token":"t"}}`
  const source = plugin(`echo "enter ABC-123" >&2; until [ -e entered ]; do sleep 0.02; done; echo '${answer}'`, (text) => {
    said.push(text)
    write('entered', '')
  })
  expect(await source.get()).toEqual({ authorization: 'Bearer t' })
  expect(said).toEqual(['plugin: enter ABC-123'])
  const quick = plugin(`echo "old option" >&2; echo '${answer}'`, (text) => said.push(text))
  await quick.get()
  expect(said).toHaveLength(1)
})

test('a login ends with whoever it is for', async () => {
  const source = plugin('echo $$ > pid; exec sleep 600')
  const stop = new AbortController()
  const first = source.get(stop.signal)
  const second = source.get()
  const pidFile = join(folder, 'pid')
  await expect.poll(() => existsSync(pidFile) && readFileSync(pidFile, 'utf8') !== '', soon).toBe(true)
  stop.abort(new Error('stopped'))
  await expect(first).rejects.toThrow('stopped')
  const isAlive = (): boolean => existsSync(`/proc/${readFileSync(pidFile, 'utf8').trim()}/stat`)
  expect(isAlive()).toBe(true)
  source.close()
  await expect(second).rejects.toMatchObject({ name: 'AbortError' })
  await expect.poll(isAlive, soon).toBe(false)
})

test('a login may take longer than the cluster has to answer', async () => {
  const server = createServer((request, response) => {
    response.writeHead(request.headers.authorization === 'Bearer t' ? 200 : 401).end('{}')
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => void server.close())
  const command = write('slow', `#!/bin/sh\nsleep 1; echo '{"status":{"token":"t"}}'\n`)
  chmodSync(command, 0o755)
  const KUBECONFIG = write(
    'config',
    JSON.stringify({
      clusters: [{ name: 'c', cluster: { server: `http://127.0.0.1:${(server.address() as AddressInfo).port}` } }],
      contexts: [{ name: 'c', context: { cluster: 'c', user: 'u' } }],
      users: [{ name: 'u', user: { exec: { command } } }],
      'current-context': 'c',
    }),
  )
  const engine = await createKubernetesEngine({ owner: 'o', runtimeDirectory: folder, env: { ...process.env, KUBECONFIG }, connectMs: 300 })
  await engine.close()
})

test('what was refused after it has been replaced is not asked for again', async () => {
  const { source, asked } = login(Date.now() + 60 * minute)
  const old = await source.get()
  expect([source.refuse(old), await source.get(), source.refuse(old), await source.get()]).toEqual([
    true,
    { authorization: 'Bearer token-2' },
    true,
    { authorization: 'Bearer token-2' },
  ])
  expect(asked()).toBe(2)
})

test('files of a certificate and of a token are read again when the cluster does not take what they said', async () => {
  const user = { certFile: write('crt', 'old'), keyFile: write('key', 'old'), tokenFile: write('token', 'old') }
  const source = new CredentialSource(clusterOf({ ...user, cert: 'old', key: 'old' }), {})
  const old = await source.get()
  expect(old).toEqual({ cert: 'old', key: 'old', authorization: 'Bearer old' })
  for (const name of ['crt', 'key', 'token']) write(name, 'new')
  expect(await source.get()).toEqual(old)
  expect(source.refuse(old)).toBe(true)
  expect(await source.get()).toEqual({ cert: 'new', key: 'new', authorization: 'Bearer new' })
})

test('a token file that cannot be read for a while does no harm', async () => {
  const { at } = clock()
  const tokenFile = write('token', 'one')
  const source = new CredentialSource(clusterOf({ tokenFile }), {})
  const token = async (): Promise<string | undefined> => (await source.get()).authorization
  await token()
  rmSync(tokenFile)
  at(2 * minute)
  expect(await token()).toBe('Bearer one')
  write('token', 'two')
  let later = 2 * minute
  await expect.poll(async () => (at((later += minute)), await token()), soon).toBe('Bearer two')
})

/** An API server that takes the token `new` alone. */
async function serve() {
  const server = createServer((request, response) => {
    response.writeHead(request.headers.authorization === 'Bearer new' ? 200 : 401).end('{}')
  })
  const sockets = new WebSocketServer({
    server,
    verifyClient: ({ req }, decide) => decide(req.headers.authorization === 'Bearer new', 401),
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const tokenFile = write('token', 'old')
  const { port } = server.address() as AddressInfo
  const client = new ApiClient(clusterOf({ tokenFile }, `http://127.0.0.1:${port}`), {})
  onTestFinished(() => {
    client.close()
    for (const socket of sockets.clients) socket.terminate()
    server.closeAllConnections()
    server.close()
  })
  return client
}

test.each<[string, (client: ApiClient) => Promise<unknown>]>([
  ['a call', async (client) => await client.call('GET', '/api')],
  ['a stream', async (client) => (await client.stream('/log', {})).resume()],
  [
    'a websocket',
    async (client) => await client.socket('/exec', { query: 'a=b', protocol: 'p' }, (socket) => socket.on('error', () => {})),
  ],
])('%s with credentials that have run out goes on with new ones', async (_name, ask) => {
  const client = await serve()
  await expect(ask(client)).rejects.toMatchObject({ status: 401 })
  await expect(ask(client)).rejects.toMatchObject({ status: 401 })
  write('token', 'new')
  await ask(client)
})
