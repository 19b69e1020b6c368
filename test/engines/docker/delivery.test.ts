import { cpSync, existsSync, mkdirSync, readdirSync, rmSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { expect, it } from 'vitest'
import { createDockerEngine } from '../../../src/engines/docker/docker-engine.ts'
import { foreignAddons } from '../../../src/engines/docker/native-addons.ts'
import { describeDocker, docker, makeProject, Rig, type ProjectOptions } from './rig.ts'
import { SecondDaemon } from './second-daemon.ts'

const dependency = {
  'node_modules/dep/package.json': '{"name":"dep","type":"module","main":"i.js"}',
  'node_modules/dep/i.js': 'export const text = "a dependency"',
}
const workspace: ProjectOptions = {
  files: {
    'packages/a/package.json': '{"name":"a","type":"module"}',
    'packages/a/resolve.js': 'export { probe as unused } from "../../resolve.js"\nexport * as odd from "odd"\nexport * from "linked"',
    'packages/linked/package.json': '{"name":"linked","type":"module","main":"i.js"}',
    'packages/linked/i.js': 'export const text = "linked"',
  },
  home: {
    ...dependency,
    'packages/a/node_modules/odd/package.json': '{"name":"odd","type":"module","main":"i.js"}',
    'packages/a/node_modules/odd/i.js': 'export const text = "not hoisted"',
  },
  links: { 'node_modules/linked': '../packages/linked' },
}

describeDocker('code in a container', () => {
  it('runs with its dependencies, and with the own package of whoever started it', async () => {
    await using rig = await Rig.open({ home: dependency })
    const told = await rig.start()
    expect(await told.tell('resolveFromCode', 'dep')).toEqual({ text: 'a dependency' })
    const own = await told.tell('resolveFromCode', 'cowait')
    expect(own.text).toBe('own package')
    expect((await told.tell('info')).argv[1]).toBe(own.where.replace('file://', '').replace('index.js', 'worker.js'))
    expect(await told.tell('resolveFromCode', 'missing')).toEqual({ error: 'ERR_MODULE_NOT_FOUND' })
  })

  it('resolves hoisted, linked and nested packages of a workspace as at home', async () => {
    await using rig = await Rig.open(workspace)
    const told = await rig.start()
    expect(await told.tell('resolveFromCode', './packages/a/resolve.js')).toMatchObject({ text: 'linked', odd: {} })
    expect(existsSync(join(rig.project.tree.directory, 'packages/a/node_modules'))).toBe(false)
  })

  it('resolves packages that are links to folders outside of the project, and what those load', async () => {
    const project = makeProject({
      files: { 'package.json': '{"type":"module","dependencies":{"near":"*","@scope/far":"*"}}' },
      home: {
        ...dependency,
        '../outside/near/package.json': '{"name":"near","type":"module","main":"i.js","dependencies":{"own":"*"}}',
        '../outside/near/i.js': 'export { text } from "own"',
        '../outside/near/node_modules/own/package.json': '{"name":"own","type":"module","main":"i.js"}',
        '../outside/near/node_modules/own/i.js': 'export const text = "of a linked package"',
        '../outside/far/package.json': '{"name":"@scope/far","type":"module","main":"i.js"}',
        '../outside/far/i.js': 'export const text = "far away"',
      },
      links: { 'node_modules/near': '../../outside/near' },
    })
    mkdirSync(join(project.tree.root, 'node_modules/@scope'))
    symlinkSync(join(project.folder, 'outside/far'), join(project.tree.root, 'node_modules/@scope/far'))
    await using rig = await Rig.open({ project })
    const told = await rig.start()
    expect(await told.tell('resolveFromCode', 'near')).toEqual({ text: 'of a linked package' })
    expect(await told.tell('resolveFromCode', '@scope/far')).toEqual({ text: 'far away' })
    expect(await told.tell('resolveFromCode', 'dep')).toEqual({ text: 'a dependency' })
    expect(await told.tell('write', '/cowait/outside/near/new')).toEqual({ error: 'EROFS' })
  })

  it('keeps what it made for a version of the code as long as that is kept', async () => {
    const project = makeProject(workspace)
    const made = join(project.tree.root, '.cowait/cache/docker')
    const versions = dirname(project.tree.directory)
    const month = new Date(Date.now() - 30 * 24 * 3_600_000)
    const hours = new Date(Date.now() - 2 * 3_600_000)
    mkdirSync(join(versions, 'kept'))
    const times = {
      'code-kept-0a1b': month,
      'code-gone-0a1b': hours,
      'code-fresh-0a1b': new Date(),
      'code-0a1b.unfinished': hours,
      'link-0a1b': hours,
    }
    for (const [name, time] of Object.entries(times)) {
      mkdirSync(join(made, name), { recursive: true })
      utimesSync(join(made, name), time, time)
    }
    await using rig = await Rig.open({ project })
    await rig.spec()
    const names = readdirSync(made)
    const current = `code-${basename(project.tree.directory)}-`
    expect(names.filter((name) => name.startsWith('code-') && !name.startsWith(current)).toSorted()).toEqual([
      'code-fresh-0a1b',
      'code-kept-0a1b',
    ])
    expect(names.filter((name) => name.startsWith(current))).toHaveLength(1)
    expect(names).toContain('link-0a1b')
  })

  it('uses the project’s own installed package when that is the one that runs', async () => {
    const project = makeProject({ home: dependency })
    const installed = join(project.tree.root, 'node_modules/cowait')
    cpSync(dirname(project.runtimeDirectory), installed, { recursive: true })
    await using rig = await Rig.open({ project: { ...project, runtimeDirectory: join(installed, 'dist') } })
    const told = await rig.start()
    expect((await told.tell('resolveFromCode', 'cowait')).where).toBe('file:///cowait/code/node_modules/cowait/dist/index.js')
    expect((await told.tell('info')).argv[1]).toBe('/cowait/code/node_modules/cowait/dist/worker.js')
  })

  it('puts its own in the place of another version that the project has installed', async () => {
    const project = makeProject({
      home: {
        'node_modules/cowait/package.json': '{"name":"cowait","type":"module","main":"i.js"}',
        'node_modules/cowait/i.js': 'export const text = "old"',
      },
    })
    await using rig = await Rig.open({ project })
    const told = await rig.start()
    expect((await told.tell('resolveFromCode', 'cowait')).text).toBe('own package')
  })

  it('serves a project that is the own package itself', async () => {
    const project = makeProject({ files: { 'package.json': '{"name":"cowait","type":"module","exports":{".":"./dist/index.js"}}' } })
    const built = join(project.tree.root, 'dist')
    cpSync(project.runtimeDirectory, built, { recursive: true })
    await using rig = await Rig.open({ project: { ...project, runtimeDirectory: built } })
    const told = await rig.start()
    expect((await told.tell('resolveFromCode', 'cowait')).where).toBe('file:///cowait/code/dist/index.js')
  })

  it('finds dependencies above the project', async () => {
    const project = makeProject()
    const above = join(project.folder, 'node_modules/above')
    mkdirSync(above, { recursive: true })
    writeFileSync(join(above, 'package.json'), '{"name":"above","type":"module","main":"i.js"}')
    writeFileSync(join(above, 'i.js'), 'export const text = "from above"')
    await using rig = await Rig.open({ project })
    const told = await rig.start()
    expect(await told.tell('resolveFromCode', 'above')).toEqual({ text: 'from above' })
  })

  it('looks once whether the engine sees the folders, in the first worker, and never again', async () => {
    const project = makeProject({ home: dependency })
    const since = String(Date.now() / 1000)
    await using first = await Rig.open({ project })
    await first.start()
    const engine = await createDockerEngine({ owner: first.owner, runtimeDirectory: project.runtimeDirectory })
    const code = await engine.provide(project.tree, AbortSignal.timeout(10_000))
    await engine.start(
      { id: 'again', owner: first.owner, name: 'again', code, resources: {}, mounts: [], ports: {}, labels: {}, settings: {} },
      AbortSignal.timeout(20_000),
      () => {},
    )
    await engine.remove('again', 0)
    await engine.close()
    const made = await docker(
      'events',
      '--since',
      since,
      '--until',
      String(Date.now() / 1000),
      '--filter',
      'event=create',
      '--filter',
      `label=cowait.owner=${first.owner}`,
      '--format',
      '{{.Actor.Attributes.name}}',
    )
    expect(made.split('\n')).toEqual([expect.stringMatching(/^run-1-/), expect.stringMatching(/^again-/)])
    expect(readdirSync(join(project.tree.root, '.cowait/cache/docker')).filter((name) => name.startsWith('seen-'))).toHaveLength(1)
  })
})

describeDocker('an engine with user namespaces', () => {
  it('runs code and dependencies as a user that the host does not know', async () => {
    await using daemon = await SecondDaemon.start({ remapUsers: true })
    daemon.loadImage()
    await using rig = await Rig.open({ settings: { host: daemon.host, network: 'none' }, home: dependency })
    const told = await rig.start()
    expect(await told.tell('resolveFromCode', 'dep')).toEqual({ text: 'a dependency' })
    expect((await told.tell('info')).uid).toBe(0)
    expect(await told.tell('shell', 'cat /proc/self/uid_map')).toMatch(/^\s+0\s+300000\s+65536/)
    expect(await told.tell('write', '/tmp/new')).toBe(true)
    await rig.removeAll()
  }, 120_000)
})

describeDocker('add-ons for another platform', () => {
  it('are named with their packages and what to do, unless the right one is there too', () => {
    const elf = (machine: number): string =>
      Buffer.concat([Buffer.from('7f454c46020101000000000000000000', 'hex'), Buffer.from([3, 0, machine, 0]), Buffer.alloc(44)]).toString(
        'latin1',
      )
    const project = makeProject()
    const put = (path: string, text: string): void => {
      const file = join(project.tree.root, 'node_modules', path)
      mkdirSync(dirname(file), { recursive: true })
      writeFileSync(file, text, 'latin1')
    }
    put('@img/sharp-linux-x64/sharp.node', elf(0x3e))
    put('@img/sharp-darwin-arm64/sharp.node', '\xcf\xfa\xed\xfe\x0c\x00\x00\x01' + '\0'.repeat(56))
    put('canvas/build/canvas.node', '\xcf\xfa\xed\xfe\x0c\x00\x00\x01' + '\0'.repeat(56))
    put('alpine/a.node', `${elf(0x3e)} libc.musl-x86_64.so.1`)
    const folder = join(project.tree.root, 'node_modules')
    expect(foreignAddons([folder], 'linux/amd64')).toMatch(
      /: alpine \(for linux \(musl\)-x64\), canvas \(for darwin-arm64\); install them .*--os=linux --cpu=x64/,
    )
    expect(foreignAddons([folder], 'darwin/arm64')).toMatch(/: alpine \(for linux \(musl\)-x64\);/)
    rmSync(project.folder, { recursive: true })
  })
})
