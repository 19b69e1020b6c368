import { randomBytes } from 'node:crypto'
import { expect, it, onTestFinished } from 'vitest'
import { ContentVolumes, areThere, type Content } from '../../../src/engines/docker/content-volumes.ts'
import { DockerClient } from '../../../src/engines/docker/docker-client.ts'
import { findEndpoint } from '../../../src/engines/docker/endpoint.ts'
import { image } from './available.ts'
import { describeDocker, docker } from './rig.ts'

describeDocker('volumes of contents', () => {
  const never = new AbortController().signal

  const content = (text: string, isSame = true): Content => {
    const hash = randomBytes(32).toString('hex')
    onTestFinished(async () => void (await docker('volume', 'rm', '--force', `cowait-test-${hash.slice(0, 16)}`)))
    return { kind: 'test', hash, entries: [{ type: 'text', name: 'file', mode: 0o644, text }], isSame: async () => isSame }
  }
  const nameOf = ({ hash }: Content): string => `cowait-test-${hash.slice(0, 16)}`

  const open = async (lockPatienceMs?: number): Promise<{ volumes: ContentVolumes; client: DockerClient }> => {
    const client = await DockerClient.connect(await findEndpoint({}, process.env), AbortSignal.timeout(5_000))
    onTestFinished(() => client.close())
    const id = await docker('image', 'inspect', '-f', '{{.Id}}', image)
    return {
      client,
      volumes: new ContentVolumes({ client, labels: {}, image: id, ...(lockPatienceMs !== undefined && { lockPatienceMs }) }),
    }
  }

  const read = (volume: string): Promise<string> => docker('run', '--rm', '-v', `${volume}:/v`, image, 'cat', '/v/file')

  it('are not waited for without end when whoever fills one is on a host that does not answer for it', async () => {
    const one = content('hello')
    const holder = await docker('create', '--name', `${nameOf(one)}-fill`, '--label', 'cowait.host=elsewhere', image)
    onTestFinished(async () => void (await docker('rm', '--force', holder)))
    const { volumes } = await open(500)
    const told: string[] = []
    expect(await volumes.fill([one], never, (detail) => told.push(detail))).toEqual([nameOf(one)])
    expect(told).toEqual(['waiting for another host that sends test to the engine', expect.stringMatching(/^sending test/)])
    expect(await read(nameOf(one))).toBe('hello')
    expect(await docker('ps', '-aq', '--filter', `volume=${nameOf(one)}`)).toBe('')
  })

  it('do not count as filled with what changed while it was sent', async () => {
    const one = content('half of it', false)
    const { volumes } = await open()
    await expect(volumes.fill([one], never, () => {})).rejects.toThrow(/Files of the test changed while they were sent/)
    await volumes.fill(
      [{ ...one, entries: [{ type: 'text', name: 'file', mode: 0o644, text: 'all' }], isSame: async () => true }],
      never,
      () => {},
    )
    expect(await read(nameOf(one))).toBe('all')
  })

  it('are known to be gone, and one that the engine made by itself is none', async () => {
    const one = content('hello')
    const { volumes, client } = await open()
    await volumes.fill([one], never, () => {})
    expect(await areThere(client, [nameOf(one)], never)).toBe(true)
    await docker('volume', 'rm', nameOf(one))
    expect(await areThere(client, [nameOf(one)], never)).toBe(false)
    await docker('run', '--rm', '-v', `${nameOf(one)}:/v`, image, 'true')
    expect(await areThere(client, [nameOf(one)], never)).toBe(false)
    await volumes.fill([one], never, () => {})
    expect(await areThere(client, [nameOf(one)], never)).toBe(true)
    expect(await read(nameOf(one))).toBe('hello')
  })
})
