import { createHash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { launch } from './local-pod.ts'

/** Tells how often it was run, and what else it is given. */
const program = Buffer.from(`launched.server.removeAllListeners('connection')
launched.server.on('connection', (socket) => socket.on('data', (bytes) => console.log('given ' + bytes.length)))
console.log('run with ' + launched.rest)`)

const soon = { timeout: 20_000 }

test('the program runs once, and has the connection that another one overtook', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'cowait-launch-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  const token = randomBytes(32)
  await using pod = await launch(createHash('sha256').update(token).digest('hex'), folder)
  const length = Buffer.alloc(4)
  length.writeUInt32BE(program.length)
  const bytes = Buffer.concat([token, length, program])
  const open = async (): Promise<Socket> => {
    const socket = connect(pod.port, '127.0.0.1')
    socket.on('error', () => undefined)
    onTestFinished(() => void socket.destroy())
    await once(socket, 'connect')
    return socket
  }
  const first = await open()
  const second = await open()
  first.write(bytes.subarray(0, -1))
  second.write(Buffer.concat([bytes, Buffer.from('the second')]))
  await expect.poll(pod.log, soon).toContain('run with the second')
  first.write(bytes.subarray(-1))
  await expect.poll(pod.log, soon).toContain(`given ${bytes.length}`)
  expect(pod.log().match(/run with/g)).toHaveLength(1)
})
