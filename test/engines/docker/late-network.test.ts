import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Duplex } from 'node:stream'
import { expect, it } from 'vitest'
import { describeDocker, docker, makeProject, Rig } from './rig.ts'

/** The engine of this host, except that some calls get another answer. */
async function engineThat(refuses: (path: string) => string | undefined): Promise<AsyncDisposable & { readonly host: string }> {
  const folder = mkdtempSync(join(tmpdir(), 'cowait-proxy-'))
  const socketPath = (process.env['DOCKER_HOST'] ?? 'unix:///var/run/docker.sock').replace('unix://', '')
  const server = createServer((near, answer) => {
    const refusal = refuses(near.url ?? '')
    if (refusal !== undefined) {
      near.resume()
      answer.writeHead(403, { 'content-type': 'application/json' }).end(JSON.stringify({ message: refusal }))
      return
    }
    const far = request({ socketPath, method: near.method, path: near.url, headers: near.headers }, (response) => {
      answer.writeHead(response.statusCode ?? 0, response.headers)
      answer.flushHeaders()
      response.pipe(answer)
    })
    far.on('error', () => answer.destroy())
    answer.on('close', () => far.destroy())
    near.pipe(far)
  })
  server.on('upgrade', ({ method, url, headers }, near: Duplex) => {
    const far = request({ socketPath, method, path: url, headers }).end()
    far.on('upgrade', ({ headers: answered }, socket: Duplex, head: Buffer) => {
      near.write(`HTTP/1.1 101 UPGRADED\r\ncontent-type: ${answered['content-type']}\r\nconnection: Upgrade\r\nupgrade: tcp\r\n\r\n`)
      near.write(head)
      near.pipe(socket).pipe(near)
      near.on('error', () => socket.destroy())
      socket.on('error', () => near.destroy())
    })
  })
  const path = join(folder, 'docker.sock')
  server.listen(path)
  await once(server, 'listening')
  return {
    host: `unix://${path}`,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
      rmSync(folder, { recursive: true })
    },
  }
}

describeDocker('joining the network', () => {
  it('has happened before the worker is handed over', async () => {
    await using rig = await Rig.open()
    const told = await Promise.all([rig.start(), rig.start(), rig.start()])
    for (const one of told) {
      expect(await one.tell('shell', 'cat /proc/net/route')).toMatch(/\t00000000\t/)
      expect(await one.tell('read', '/etc/resolv.conf')).toContain('127.0.0.11')
      const { NetworkSettings, HostConfig } = await rig.inspect(one)
      expect(Object.keys(NetworkSettings.Networks)).toEqual(['cowait-isolated'])
      expect(HostConfig.NetworkMode).toBe('none')
    }
  })

  it('is a start in it where the engine lets no running container join', async () => {
    let refused = 0
    await using proxy = await engineThat((path) => {
      if (!path.endsWith('/connect')) return undefined
      refused++
      return 'container cannot be connected'
    })
    await using rig = await Rig.open({ settings: { host: proxy.host } })
    for (let i = 0; i < 2; i++) {
      const told = await rig.start()
      expect(await told.tell('ready')).toBe('yes')
      const { NetworkSettings, HostConfig } = await rig.inspect(told)
      expect(Object.keys(NetworkSettings.Networks)).toEqual(['cowait-isolated'])
      expect(HostConfig.NetworkMode).not.toBe('none')
    }
    expect(refused).toBe(1)
    expect(await rig.left()).toHaveLength(2)
  })

  it('is tried again where another supervisor removed the network meanwhile', async () => {
    await using rig = await Rig.open()
    const first = await rig.start()
    await rig.engine.remove(first.worker.id, 0)
    await docker('network', 'rm', 'cowait-isolated')
    const told = await rig.start()
    expect(await told.tell('shell', 'cat /proc/net/route')).toMatch(/\t00000000\t/)
  })

  it('is no concern of a worker that ends at once', async () => {
    const project = makeProject()
    writeFileSync(join(project.runtimeDirectory, 'worker.js'), 'process.exit(3)')
    await using rig = await Rig.open({ project })
    for (let i = 0; i < 6; i++) {
      const told = await rig.start()
      expect(await told.worker.exited).toEqual({ how: 'exited', code: 3 })
      await rig.engine.remove(told.worker.id, 0)
    }
    await rig.engine.close()
    await expect.poll(() => docker('network', 'ls', '-q', '--filter', 'name=cowait-isolated'), { timeout: 10_000 }).toBe('')
  }, 60_000)
})
