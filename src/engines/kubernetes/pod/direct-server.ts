/**
 * Where the supervisor comes to directly: a port on the pod's own addresses, behind a key (direct-tls.ts).
 *
 * Anybody in the cluster can connect here, so who has not shown the key yet is kept short: some milliseconds of handshake, as many bytes
 * as TLS takes for that, and few at a time. When they are too many the oldest goes, and not the newest: a supervisor needs two round
 * trips, and whoever holds connections open holds nothing up.
 */
import { networkInterfaces } from 'node:os'
import type { Socket } from 'node:net'
import { directTls, keyIdentity } from '../direct-tls.ts'
import type { Listening } from '../pod-frames.ts'

const handshakeMs = 3000
const strangers = 32

export async function listenDirect(key: Buffer, port: number, onConnection: (socket: Socket) => void): Promise<Listening> {
  // Loading it takes an eighth of the program's start, which a pod that is reached from outside need not wait for.
  const { createServer } = await import('node:tls')
  const unproved = new Map<string, Socket>()
  const server = createServer({
    ...directTls,
    handshakeTimeout: handshakeMs,
    pskCallback: (_socket, identity) => (identity === keyIdentity ? key : null),
  })
  // TLS tells a connection and, once it is proved, a socket of its own for it: they have the same far end.
  const farEnd = ({ remoteAddress, remotePort }: Socket): string => `${remoteAddress} ${remotePort}`
  server.on('connection', (socket: Socket) => {
    const name = farEnd(socket)
    unproved.set(name, socket)
    socket.on('close', () => {
      if (unproved.get(name) === socket) unproved.delete(name)
    })
    if (unproved.size > strangers) unproved.values().next().value?.destroy()
  })
  server.on('tlsClientError', (_error, socket) => socket.destroy())
  server.on('secureConnection', (socket) => {
    unproved.delete(farEnd(socket))
    onConnection(socket)
  })
  return await new Promise((resolve) => {
    server.on('error', ({ message }) => resolve({ problem: message }))
    server.listen(port, () => {
      const address = server.address()
      resolve({ addresses: ownAddresses(), port: typeof address === 'object' ? (address?.port ?? port) : port })
    })
  })
}

/** In the order of the interfaces: the cluster's own network comes first. */
function ownAddresses(): string[] {
  const all = Object.values(networkInterfaces()).flatMap((addresses) => addresses ?? [])
  return all.filter(({ internal, address }) => !internal && !/^(?:fe80:|169\.254\.)/i.test(address)).map(({ address }) => address)
}
