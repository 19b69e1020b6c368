import { execFileSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { connect, createServer, type AddressInfo, type Socket } from 'node:net'
import { networkInterfaces } from 'node:os'
import { createServer as createTlsServer } from 'node:tls'
import { expect, onTestFinished, test } from 'vitest'
import { connectDirect, type DirectWay } from '../../../src/engines/kubernetes/direct-stream.ts'
import { directTls } from '../../../src/engines/kubernetes/direct-tls.ts'
import { startLocalPod } from './local-pod.ts'

const soon = { timeout: 20_000 }
const signal = new AbortController().signal
const hasIpv6 = Object.values(networkInterfaces()).some((all) => all?.some(({ address }) => address === '::1'))

function certificate(): { key: string; cert: string } {
  const words = 'req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 1 -subj /CN=localhost -keyout - -out -'
  const both = execFileSync('openssl', words.split(' '), { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] })
  return { key: both, cert: both }
}

/** A connection to the pod's port by somebody who has no key. */
async function stranger({ port }: DirectWay): Promise<{ socket: Socket; gone: Promise<unknown> }> {
  const socket = connect(port, '127.0.0.1')
  socket.on('error', () => undefined)
  await once(socket, 'connect')
  socket.resume()
  return { socket, gone: new Promise((resolve) => socket.on('close', resolve)) }
}

test('what passes cannot be read between the two, and only our program and the key are forwarded', async () => {
  await using pod = await startLocalPod()
  await pod.open()
  const forwardedBytes = pod.forwarded[0]?.bytesWritten ?? 0
  pod.say('MARK of the input')
  await expect.poll(() => pod.received, soon).toMatchObject({ channel: 'MARK of the input', output: 'printed MARK\n' })
  expect(pod.relay.connections).toBe(1)
  expect(pod.relay.whole().length).toBeGreaterThan(500)
  expect(pod.relay.whole().includes('MARK')).toBe(false)
  expect(pod.relay.whole().includes('argv')).toBe(false)
  expect(pod.forwarded).toHaveLength(1)
  expect((pod.forwarded[0]?.bytesWritten ?? 0) - forwardedBytes).toBe(0)
})

test('a connection that breaks comes back the same way, and nothing is lost', async () => {
  await using pod = await startLocalPod()
  await pod.open()
  for (const word of ['one ', 'two ', 'three']) {
    pod.relay.cut()
    pod.say(word)
    await expect.poll(() => pod.received.channel, soon).toContain(word)
  }
  expect(pod.received.channel).toBe('one two three')
  expect(pod.relay.connections).toBeGreaterThan(3)
  expect(pod.forwarded).toHaveLength(1)
  expect(pod.lost).toEqual([])
})

test.runIf(hasIpv6)('a pod listens on both kinds of addresses, and the latest who has the key is its supervisor', async () => {
  await using pod = await startLocalPod()
  await pod.open()
  const stream = await connectDirect({ ...pod.way, addresses: ['::1'] }, signal)
  await expect.poll(() => pod.relay.connections, soon).toBeGreaterThan(1)
  stream.destroy()
  pod.say('here again')
  await expect.poll(() => pod.received.channel, soon).toBe('here again')
})

test('a pod whose supervisor left ends itself', async () => {
  await using pod = await startLocalPod()
  await pod.open()
  pod.say('x')
  await expect.poll(() => pod.received.channel, soon).toBe('x')
  pod.link.close()
  await pod.ended
  expect(pod.log()).toContain('the supervisor is gone')
})

test('a pod whose address does not answer is not started, and what to do is said', async () => {
  await using pod = await startLocalPod({ isReachable: false, answerMs: 500 })
  await expect(pod.open()).rejects.toMatchObject({
    message: expect.stringContaining("The pod's address does not answer") as string,
    hint: expect.stringContaining('NetworkPolicy') as string,
  })
  expect(pod.lost).toEqual([])
})

test('strangers are shown out, and disturb nobody', async () => {
  await using pod = await startLocalPod()
  await pod.open()
  pod.say('before ')
  await expect.poll(() => pod.received.channel, soon).toBe('before ')
  const recorded = Buffer.concat(pod.relay.seen.down)
  const { way } = pod

  const garbage = await stranger(way)
  garbage.socket.write(randomBytes(8 << 20))
  await garbage.gone

  const replay = await stranger(way)
  replay.socket.write(recorded)
  await replay.gone

  await expect(connectDirect({ ...way, key: randomBytes(32) }, signal)).rejects.toThrow()

  const silent = await stranger(way)
  const slow = await stranger(way)
  const dripping = setInterval(() => slow.socket.write(recorded.subarray(0, 1)), 100)
  onTestFinished(() => clearInterval(dripping))
  const many = await Promise.all(Array.from({ length: 100 }, () => stranger(way)))
  await Promise.race(many.slice(0, 20).map(({ gone }) => gone))
  pod.relay.cut()
  pod.say('meanwhile')
  await expect.poll(() => pod.received.channel, soon).toBe('before meanwhile')
  await Promise.all([silent, slow, ...many].map(({ gone }) => gone))
  expect(pod.lost).toEqual([])
})

test('nobody is believed who does not have the key, whatever certificate is shown', async () => {
  const key = randomBytes(32)
  const open = async (options: object): Promise<DirectWay> => {
    const server = createTlsServer(options, (socket) => socket.on('error', () => undefined))
    server.on('tlsClientError', () => undefined)
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    onTestFinished(() => void server.close())
    return { addresses: ['127.0.0.1'], port: (server.address() as AddressInfo).port, key }
  }
  await expect(connectDirect(await open({ ...directTls, pskCallback: () => randomBytes(32) }), signal)).rejects.toThrow()
  await expect(connectDirect(await open({ ...directTls, ...certificate() }), signal)).rejects.toThrow()
  const right = await connectDirect(await open({ ...directTls, pskCallback: () => key }), signal)
  right.destroy()
})

test('an address that does not answer is given up, and the next one asked', async () => {
  const key = randomBytes(32)
  const silent = createServer((socket) => socket.resume())
  await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve))
  const { port } = silent.address() as AddressInfo
  const server = createTlsServer({ ...directTls, pskCallback: () => key }, (socket) => socket.on('error', () => undefined))
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.2', resolve))
  const stream = await connectDirect({ addresses: ['127.0.0.1', '127.0.0.2'], port, key }, signal)
  stream.destroy()
  await expect(connectDirect({ addresses: ['127.0.0.1'], port, key }, AbortSignal.timeout(100))).rejects.toThrow()
  server.close()
  silent.close()
})
