/**
 * A port of a pod, through the API server: one websocket that carries one connection (`v4.channel.k8s.io`).
 *
 * 1. The first byte of a message is its channel: 0 the data, 1 why it failed. The first two bytes on each are the port's number.
 * 2. A port on which nobody listens yet opens all the same and then says so on channel 1.
 */
import type { WebSocket } from 'ws'
import type { ApiClient } from './api-client.ts'
import type { PodStream } from './pod-stream.ts'

const dataChannel = 0
const errorChannel = 1

/** Rejects with an `ApiError` when the API server refuses the websocket. */
export async function forward(client: ApiClient, pod: string, port: number, signal: AbortSignal): Promise<PodStream> {
  signal.throwIfAborted()
  return await client.socket(`${pod}/portforward`, { query: `ports=${port}`, protocol: 'v4.channel.k8s.io', signal }, streamOf)
}

function streamOf(socket: WebSocket): PodStream {
  socket.binaryType = 'nodebuffer'
  const greeted = new Set<number>()
  let why = ''
  let hasEnded = false
  const stream: PodStream = {
    write: (bytes, onWritten) => {
      if (socket.readyState !== socket.OPEN) return onWritten?.()
      const message = Buffer.allocUnsafe(bytes.length + 1)
      message[0] = dataChannel
      message.set(bytes, 1)
      socket.send(message, onWritten)
    },
    destroy: () => socket.terminate(),
    onData: () => {},
    onEnd: () => {},
  }
  socket.on('message', (message: Buffer) => {
    const channel = message[0] ?? 0
    const isGreeting = !greeted.has(channel)
    greeted.add(channel)
    const bytes = message.subarray(isGreeting ? 3 : 1)
    if (bytes.length === 0) return
    if (channel === errorChannel) why += bytes.toString('utf8')
    else stream.onData(bytes)
  })
  const end = (reason: string): void => {
    if (hasEnded) return
    hasEnded = true
    stream.onEnd(why || reason)
  }
  socket.on('error', (error) => end(error.message))
  socket.on('close', (code) => end(`the stream was closed (${code})`))
  return stream
}
