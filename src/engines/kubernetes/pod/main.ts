/**
 * The first process of a worker's pod that is ours: takes the code from its supervisor, starts the worker, and carries its channel and
 * its output. It guards the worker: whatever that does, it ends when its supervisor is gone.
 *
 * It comes to the pod as text over the first connection (launch-line.ts), so it stands alone: built into one file, with nothing but
 * Node's own modules.
 *
 * 1. Without a connection for `reconnectMs` the supervisor counts as gone. A silent one counts as no connection. That is final: one that
 *    comes back while the worker ends is told why it does, and nothing of what it says reaches the worker.
 * 2. The answer of last resort is `exit`: with it everything in the container ends.
 * 3. Asked to, it listens on the pod's own addresses too (direct-server.ts); the latest proved connection is the one that counts.
 * 4. A pod that was kept stays when its worker has ended and its supervisor is gone, until the cluster removes it.
 * 5. What is started may be a supervisor itself: from then on it needs nobody, and its prints are the pod's log as they are. Whoever started
 *    it lets it go when the cluster knows that it is to be kept, and until then its pod does not end.
 */
import { createHash, timingSafeEqual } from 'node:crypto'
import { appendFileSync } from 'node:fs'
import type { Server, Socket } from 'node:net'
import { constants } from 'node:os'
import { down, tokenBytes, up, type EndRequest, type Listen, type PodExit, type Setup } from '../pod-frames.ts'
import { Session, type Carrier } from '../session.ts'
import { listenDirect } from './direct-server.ts'
import { readMemory } from './memory.ts'
import { ReadableLog } from './readable-log.ts'
import { Unpacking } from './unpack.ts'
import { startWorker, type PodWorker } from './worker.ts'

/** What the launch line hands over. */
interface Launched {
  readonly server: Server
  /** The connection on which this program came, and what followed it there. */
  readonly socket: Socket
  readonly rest: Buffer
  /** SHA-256 of the token that a connection begins with, hex. */
  readonly hash: string
  readonly pipe: string
}

declare const launched: Launched

const reconnectMs = 5000
const beatMs = 4000
const silenceMs = 15_000
/** After SIGTERM from the cluster: the pod is being deleted. */
const terminateMs = 2000
/** For the worker's last prints to come through when it has ended; a subprocess may hold the pipe open. */
const drainMs = 200
/** For the last words to be heard when the cluster takes the pod away, or nobody may be there. */
const lastWordsMs = 300
/** For the supervisor to say that a failed worker's pod is to stay. */
const keepMs = 10_000
const pieceBytes = 64 << 10

const unpacking = new Unpacking()
const log = new ReadableLog()
const memoryAtStart = readMemory()
let setup: Setup | undefined
let worker: PodWorker | undefined
let isEnding = false
let wasTerminated = false
let hasExited = false
let isKept = false
let isDetached = false
let isOrphaned = false
let leaving: NodeJS.Timeout | undefined
let current: Socket | undefined
let hurry: () => void = () => {}
let letGo: () => void = () => {}
const isAlone = new Promise<void>((resolve) => (letGo = resolve))
const isHurried = new Promise<void>((resolve) => (hurry = resolve)).then(() => pause(lastWordsMs))
const early: (Buffer | undefined)[] = []

const session = new Session({
  beatMs,
  silenceMs,
  onFrame: receive,
  onRoom: () => {
    worker?.channelUp.resume()
    worker?.output.resume()
  },
  onBroken: waitForSupervisor,
})

launched.server.removeAllListeners('connection')
launched.server.on('connection', greet)
serve(launched.socket, launched.rest)
for (const signal of ['SIGTERM', 'SIGINT'] as const) {
  process.on(signal, () => {
    wasTerminated = true
    hurry()
    endWorker('SIGTERM', setup?.detached?.graceMs ?? terminateMs)
  })
}
unpacking.onRoom = () => void current?.resume()
unpacking.done.then(start, fault)

/** A connection after the first: the token, the length of a program, the program, which is here already. */
function greet(socket: Socket): void {
  socket.on('error', () => socket.destroy())
  let bytes = Buffer.alloc(0)
  const take = (chunk: Buffer): void => {
    bytes = Buffer.concat([bytes, chunk])
    if (bytes.length < tokenBytes) return
    const given = createHash('sha256').update(bytes.subarray(0, tokenBytes)).digest()
    if (!timingSafeEqual(given, Buffer.from(launched.hash, 'hex'))) return void socket.destroy()
    const end = bytes.length < tokenBytes + 4 ? Infinity : tokenBytes + 4 + bytes.readUInt32BE(tokenBytes)
    if (bytes.length < end) return
    socket.off('data', take)
    serve(socket, bytes.subarray(end))
  }
  socket.on('data', take)
}

function serve(socket: Socket, rest: Buffer): void {
  clearTimeout(leaving)
  const carrier: Carrier = { write: (bytes) => void socket.write(bytes), destroy: () => socket.destroy() }
  socket.removeAllListeners('data')
  socket.on('error', () => socket.destroy())
  socket.on('close', () => {
    if (current !== socket) return
    session.detach()
    waitForSupervisor()
  })
  const before = current
  current = socket
  before?.destroy()
  socket.setNoDelay(true)
  session.attach(carrier, false)
  socket.on('data', (chunk: Buffer) => {
    if (current === socket) session.take(chunk)
  })
  if (rest.length > 0) session.take(rest)
  socket.resume()
}

async function listen({ port, key }: Listen): Promise<void> {
  const listening = await listenDirect(Buffer.from(key, 'base64'), port, (socket) => serve(socket, Buffer.alloc(0)))
  session.send(up.listening, Buffer.from(JSON.stringify(listening)))
}

function waitForSupervisor(): void {
  clearTimeout(leaving)
  if (isDetached) return letGo()
  if (isOrphaned) return
  leaving = setTimeout(() => {
    if (hasExited && isKept) return
    if (hasExited || !worker) process.exit(1)
    process.stderr.write('the supervisor is gone: this worker ends\n')
    isOrphaned = true
    hurry()
    worker.channelDown.end()
    setTimeout(() => endWorker('SIGKILL', 0), setup?.orphanGraceMs ?? 0)
  }, reconnectMs)
}

function receive(type: number, payload: Buffer): void {
  switch (type) {
    case down.setup:
      setup = JSON.parse(payload.toString('utf8')) as Setup
      return
    case down.archive:
      if (setup?.detached) appendFileSync(setup.detached.archive, payload)
      if (payload.length === 0) unpacking.end()
      else if (!unpacking.push(payload)) current?.pause()
      return
    case down.channel:
      return toWorker(payload)
    case down.channelEnd:
      isDetached = setup?.detached !== undefined
      return toWorker(undefined)
    case down.keep:
      isKept = true
      return
    case down.listen:
      return void listen(JSON.parse(payload.toString('utf8')) as Listen)
    case down.end: {
      const { graceMs } = JSON.parse(payload.toString('utf8')) as EndRequest
      return endWorker(graceMs > 0 ? 'SIGTERM' : 'SIGKILL', graceMs)
    }
  }
}

/** Undefined: the channel has ended. */
function toWorker(bytes: Buffer | undefined): void {
  if (isOrphaned) return
  if (!worker) early.push(bytes)
  else if (bytes) worker.channelDown.write(bytes)
  else worker.channelDown.end()
}

async function start(): Promise<void> {
  if (!setup) return fault(new Error('the supervisor sent no setup'))
  try {
    worker = await startWorker(setup, launched.pipe)
  } catch (error) {
    return fault(error)
  }
  const { channelUp, channelDown, output, ended } = worker
  for (const stream of [channelUp, channelDown, output]) stream.on('error', () => stream.destroy())
  channelUp.on('data', (bytes: Buffer) => {
    if (!sendPieces(up.channel, bytes)) channelUp.pause()
  })
  // One that has closed its channel can answer no more, however long it goes on.
  channelUp.once('end', () => session.send(up.channelEnd, Buffer.alloc(0)))
  output.on('data', (bytes: Buffer) => {
    if (setup?.detached) return void process.stdout.write(bytes)
    process.stdout.write(log.push(bytes))
    if (!sendPieces(up.output, bytes)) output.pause()
  })
  for (const bytes of early.splice(0)) toWorker(bytes)
  if (isEnding) worker.kill('SIGKILL')
  const { code, signal } = await ended
  hasExited = true
  // What it left running must not hold the pipe.
  worker.kill('SIGKILL')
  await Promise.race([Promise.all([closed(output), closed(channelUp)]), pause(drainMs)])
  process.stdout.write(log.end())
  const memory = readMemory()
  await leave({
    code,
    signal,
    ...(wasTerminated && { wasTerminated }),
    ...(isOrphaned && { wasOrphaned: true }),
    ...(memory.kills > memoryAtStart.kills && { outOfMemory: true }),
    ...(memory.peakBytes !== undefined && { peakBytes: memory.peakBytes }),
    ...(memory.limitBytes !== undefined && { limitBytes: memory.limitBytes }),
  })
}

function sendPieces(type: number, bytes: Buffer): boolean {
  let hasRoom = true
  for (let at = 0; at < bytes.length; at += pieceBytes) hasRoom = session.send(type, bytes.subarray(at, at + pieceBytes))
  return hasRoom
}

function endWorker(signal: 'SIGTERM' | 'SIGKILL', graceMs: number): void {
  isEnding = true
  if (!worker || hasExited) process.exit(143)
  worker.kill(signal)
  if (signal === 'SIGTERM') setTimeout(() => worker?.kill('SIGKILL'), graceMs)
}

function fault(error: unknown): void {
  const { message } = error as Error
  process.stderr.write(`this worker could not be started: ${message}\n`)
  void leave({ code: 1, signal: null, fault: message })
}

/** Tells how it ended, waits until that was heard, and ends the container. */
async function leave(exit: PodExit): Promise<void> {
  hasExited = true
  session.send(up.channelEnd, Buffer.alloc(0))
  session.send(up.exit, Buffer.from(JSON.stringify(exit)))
  if (isDetached) {
    if (session.isConnected) await Promise.race([isAlone, isHurried])
    hurry()
  }
  const heard = session.confirmed()
  await Promise.race([heard, isHurried])
  if (session.isConnected) await Promise.race([heard, pause(lastWordsMs)])
  if (setup?.keep) await Promise.race([pause(keepMs), isHurried])
  if (!isKept) process.exit(exit.code ?? 128 + (constants.signals[exit.signal as NodeJS.Signals] ?? 0))
}

function closed(stream: Socket): Promise<void> {
  return stream.closed ? Promise.resolve() : new Promise((resolve) => stream.once('close', () => resolve()))
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}
