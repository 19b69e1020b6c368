/** A connection to the pod's own address, past the API server. */
import { connect, type TLSSocket } from 'node:tls'
import { directTls, keyIdentity } from './direct-tls.ts'
import type { PodStream } from './pod-stream.ts'

export interface DirectWay {
  /** Those of the pod, the likeliest first. */
  readonly addresses: readonly string[]
  readonly port: number
  readonly key: Buffer
}

/** For one address to answer; a network that drops what it forbids says nothing. */
const addressMs = 3000
/** Probes of the kernel, besides the session's own beats. */
const keepAliveMs = 10_000

/** Rejects with what the last address said; the key was known to whoever answered. */
export async function connectDirect({ addresses, port, key }: DirectWay, signal: AbortSignal): Promise<PodStream> {
  let problem: unknown = new Error('it has no address')
  for (const host of addresses) {
    signal.throwIfAborted()
    try {
      return streamOf(await open(host, port, key, signal))
    } catch (error) {
      problem = error
    }
  }
  throw problem
}

async function open(host: string, port: number, key: Buffer, signal: AbortSignal): Promise<TLSSocket> {
  const socket = connect({
    host,
    port,
    ...directTls,
    // Nobody is believed because of a certificate.
    ca: [],
    pskCallback: () => ({ psk: key, identity: keyIdentity }),
    checkServerIdentity: () => undefined,
  })
  const stop = (): void => void socket.destroy(signal.reason as Error)
  const late = setTimeout(() => socket.destroy(new Error(`${host} does not answer on port ${port}`)), addressMs)
  signal.addEventListener('abort', stop, { once: true })
  try {
    await new Promise<void>((resolve, reject) => {
      socket.on('error', reject)
      socket.on('close', () => reject(new Error(`${host} closed the connection`)))
      // "Reused" is what OpenSSL calls a session from a key that both had.
      socket.on('secureConnect', () => (socket.isSessionReused() ? resolve() : reject(new Error(`${host} does not have the key`))))
    })
  } catch (error) {
    socket.destroy()
    throw error
  } finally {
    clearTimeout(late)
    signal.removeEventListener('abort', stop)
  }
  socket.setNoDelay(true)
  socket.setKeepAlive(true, keepAliveMs)
  return socket
}

function streamOf(socket: TLSSocket): PodStream {
  let why = 'the connection was closed'
  const stream: PodStream = {
    write: (bytes, onWritten) => {
      if (socket.writable) socket.write(bytes, onWritten)
      else onWritten?.()
    },
    destroy: () => socket.destroy(),
    onData: () => {},
    onEnd: () => {},
  }
  socket.on('data', (bytes: Buffer) => stream.onData(bytes))
  socket.on('error', (error) => (why = error.message))
  socket.on('close', () => stream.onEnd(why))
  return stream
}
