/** The program of a pod as a process of this host, and what stands between it and its supervisor: an API server that only forwards. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createServer as createHttpServer } from 'node:http'
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { WebSocketServer } from 'ws'
import { ApiClient } from '../../../src/engines/kubernetes/api-client.ts'
import { ConnectTurns } from '../../../src/engines/kubernetes/connect-turns.ts'
import { connectDirect, type DirectWay } from '../../../src/engines/kubernetes/direct-stream.ts'
import { launchLine, port } from '../../../src/engines/kubernetes/launch-line.ts'
import { Link } from '../../../src/engines/kubernetes/link.ts'
import { down, up } from '../../../src/engines/kubernetes/pod-frames.ts'
import { runtimeDirectory } from './cluster.ts'

/** Sends back what it is sent, and prints. */
const echo = `const fs=require('fs');console.log('printed '+process.env.PRINTED);
fs.createReadStream(null,{fd:4}).pipe(fs.createWriteStream(null,{fd:3}))`

/** A pod, whose worker is `echo` unless told, not yet linked; everything is gone afterwards. Its own address may be out of reach, or not be asked for. */
export async function startLocalPod({ isReachable = true, isDirect = true, answerMs = 20_000, worker = echo, orphanGraceMs = 100 } = {}) {
  const folder = mkdtempSync(join(tmpdir(), 'cowait-pod-'))
  const received = { channel: '', output: '', exit: '', hasChannelEnded: false }
  const lost: string[] = []
  const forwarded: Socket[] = []
  const relay = await openRelay()
  let way: DirectWay | undefined
  let portInPod = 0
  const api = await openApi(() => {
    const socket = connect(portInPod, '127.0.0.1')
    forwarded.push(socket)
    return socket
  })
  const client = new ApiClient(
    { name: 'test', server: new URL(`http://127.0.0.1:${api.port}`), insecure: false, namespace: 'default', user: {}, from: 'test' },
    {},
  )
  const link = new Link({
    client,
    pod: '/api/v1/namespaces/default/pods/one',
    program: readFileSync(join(runtimeDirectory, 'pod.js')),
    turns: new ConnectTurns(),
    direct: isDirect
      ? {
          port: 0,
          answerMs,
          connect: async (told, signal) => {
            way = { ...told, addresses: ['127.0.0.1'] }
            relay.target = isReachable ? told.port : 1
            return await connectDirect({ ...way, port: relay.port }, signal)
          },
        }
      : undefined,
    onFrame: (type, payload) => {
      if (type === up.channel) received.channel += payload.toString()
      if (type === up.output) received.output += payload.toString()
      if (type === up.channelEnd) received.hasChannelEnded = true
      if (type === up.exit) received.exit += payload.toString()
    },
    onRoom: () => {},
    onLost: (why) => lost.push(why),
  })
  const launched = await launch(link.hash, folder)
  const { ended, log } = launched
  portInPod = launched.port
  return {
    link,
    api,
    relay,
    received,
    lost,
    /** How often a connection was forwarded by the API server. */
    forwarded,
    /** Settles with the code of the pod's first process. */
    ended,
    get way(): DirectWay {
      if (!way) throw new Error('not direct')
      return way
    },
    open: async (): Promise<void> => {
      await link.open(AbortSignal.timeout(20_000))
      link.session.send(down.setup, Buffer.from(JSON.stringify({ argv: ['node', '-e', worker], cwd: folder, orphanGraceMs })))
      link.session.send(down.archive, gzipSync(''))
      link.session.send(down.archive, Buffer.alloc(0))
    },
    log,
    say: (text: string): boolean => link.session.send(down.channel, Buffer.from(text)),
    [Symbol.asyncDispose]: async (): Promise<void> => {
      link.close()
      await launched[Symbol.asyncDispose]()
      client.close()
      api.close()
      relay.close()
      rmSync(folder, { recursive: true })
    },
  }
}

/** What a pod begins with, on a port of its own. */
export async function launch(hash: string, folder: string) {
  const [file = '', ...args] = launchLine(hash, folder)
  const listen = `listen(${port},"127.0.0.1")`
  const anyPort = `listen(0,"127.0.0.1",function(){console.log(this.address().port)})`
  const child = spawn(
    file,
    args.map((arg) => arg.replace(listen, anyPort)),
    { stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, PRINTED: 'MARK' }, detached: true },
  )
  const ended = once(child, 'exit')
  let log = ''
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (text: string) => (log += text))
  await once(child.stdout, 'data')
  return {
    port: Number(log),
    /** Settles with the code of its first process. */
    ended,
    log: (): string => log,
    [Symbol.asyncDispose]: async (): Promise<void> => {
      if (child.exitCode === null) process.kill(-(child.pid ?? 0), 'SIGKILL')
      await ended
    },
  }
}

/** Speaks `v4.channel.k8s.io` for one port. */
async function openApi(toPod: () => Socket) {
  const server = createHttpServer()
  /** With which it refuses, for as long as that is set; how often it did. */
  const refusal = { status: 0, count: 0 }
  const sockets = new WebSocketServer({
    server,
    handleProtocols: () => 'v4.channel.k8s.io',
    verifyClient: (_info, decide) => {
      if (refusal.status > 0) refusal.count++
      decide(refusal.status === 0, refusal.status, 'no')
    },
  })
  sockets.on('connection', (socket) => {
    const pod = toPod()
    for (const channel of [0, 1]) socket.send(Buffer.from([channel, 0, 0]))
    socket.on('message', (message: Buffer) => pod.write(message.subarray(1)))
    pod.on('data', (bytes) => socket.send(Buffer.concat([Buffer.from([0]), bytes])))
    pod.on('error', () => socket.close())
    pod.on('close', () => socket.close())
    socket.on('close', () => pod.destroy())
  })
  return {
    port: await listening(server),
    refusal,
    close: (): void => {
      for (const socket of sockets.clients) socket.terminate()
      server.close()
    },
  }
}

/** Passes bytes on to `target`, remembers them, and breaks when it is told to. */
async function openRelay() {
  const pairs = new Set<Socket>()
  const seen = { up: [] as Buffer[], down: [] as Buffer[] }
  const relay = {
    port: 0,
    target: 0,
    connections: 0,
    /** What a connection brought, from its first byte on. */
    seen,
    whole: (): Buffer => Buffer.concat([...seen.up, ...seen.down]),
    cut: (): void => {
      for (const socket of pairs) socket.destroy()
    },
    close: (): void => {
      server.close()
      relay.cut()
    },
  }
  const server = createServer((near) => {
    relay.connections++
    const far = connect(relay.target, '127.0.0.1')
    for (const [from, to, record] of [
      [near, far, seen.down],
      [far, near, seen.up],
    ] as const) {
      pairs.add(from)
      from.on('data', (bytes) => {
        record.push(bytes)
        to.write(bytes)
      })
      from.on('error', () => from.destroy())
      from.on('close', () => {
        pairs.delete(from)
        to.destroy()
      })
    }
  })
  relay.port = await listening(server)
  return relay
}

async function listening(server: Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return (server.address() as AddressInfo).port
}
