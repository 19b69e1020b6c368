/** A way of its own to Docker, for one cell: the connection that carries a container's channel can be cut there, while both its ends live. */
import { once } from 'node:events'
import { connect, createServer, type Server, type Socket } from 'node:net'
import { join } from 'node:path'

const engine = (process.env['DOCKER_HOST'] ?? 'unix:///var/run/docker.sock').replace(/^unix:\/\//, '')

export class DockerWay implements AsyncDisposable {
  readonly host: string
  readonly #server: Server
  /** Both sides of what is open, and how the nearer one began. */
  readonly #open = new Map<Socket, { readonly far: Socket; asked: string }>()

  private constructor(path: string) {
    this.host = `unix://${path}`
    this.#server = createServer((near) => this.#carry(near)).listen(path)
  }

  static async open(folder: string): Promise<DockerWay> {
    const way = new DockerWay(join(folder, 'docker.sock'))
    await once(way.#server, 'listening')
    return way
  }

  cut(containerId: string): void {
    const attached = [...this.#open].filter(([, { asked }]) => asked.includes(`/containers/${containerId}`) && asked.includes('/attach?'))
    if (attached.length !== 1) throw new Error(`${attached.length} connections carry the channel of container ${containerId}`)
    for (const [near, { far }] of attached) {
      near.destroy()
      far.destroy()
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = once(this.#server.close(), 'close')
    for (const [near, { far }] of this.#open) {
      near.destroy()
      far.destroy()
    }
    await closed
  }

  #carry(near: Socket): void {
    const far = connect(engine)
    const way = { far, asked: '' }
    this.#open.set(near, way)
    near.once('data', (chunk: Buffer) => (way.asked = chunk.toString('latin1').split('\r\n', 1)[0]!))
    near.once('close', () => this.#open.delete(near))
    for (const [one, other] of [
      [near, far],
      [far, near],
    ] as const) {
      one.on('error', () => {}).on('close', () => other.destroy())
      one.pipe(other)
    }
  }
}
