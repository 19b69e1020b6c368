/**
 * Brings a version of the program to where the engine's containers can read it. The folders of this host are mounted when the engine
 * really sees them (one behind a virtual machine sees some, a remote one none); else volumes named by their content are filled, once.
 *
 * An engine on this host's own socket is taken to see them until its first container shows: that is looked into before it is started.
 */
import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { readdir, readFile, stat, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { StartPhase } from '../../core/engine.ts'
import { SharedWork } from '../../core/shared-work.ts'
import type { Tree } from '../../core/tree.ts'
import { ApiError } from './api-error.ts'
import type { ApiMount } from './api-types.ts'
import { Carrier, statInside, type PathStat } from './carrier.ts'
import { codeIn, layOut, type Layout, type Part } from '../delivery/code-layout.ts'
import { areThere, ContentVolumes, type Content } from './content-volumes.ts'
import type { DockerClient } from './docker-client.ts'
import { fingerprintOf, hashFolder, listFolder } from './folder-content.ts'
import { linkedPackages } from './linked-packages.ts'
import { foreignAddons } from './native-addons.ts'
import { cacheOf, MadeFolders } from '../delivery/own-package.ts'

type Report = (phase: StartPhase) => void

const programFolder = '/cowait'
export const codePath: string = codeIn(programFolder)

export interface CodeDeliveryOptions {
  readonly client: DockerClient
  /** Tells this engine from others that are reached the same way. */
  readonly engineId: string
  readonly labels: Readonly<Record<string, string>>
  readonly runtimeDirectory: string
}

/** What a worker's container mounts to have the program. */
export interface CodeMounts {
  readonly mounts: readonly ApiMount[]
  /** Whether a container that was created with them has the program of this host; absent where that is known. */
  readonly prove?: (containerId: string) => Promise<boolean>
  /** The volumes among them. */
  readonly volumes?: readonly string[]
}

interface Source {
  readonly part: Part
  readonly folder: string
}

/** One version of the program, for one engine. */
export class CodeDelivery {
  readonly layout: Layout
  readonly #tree: Tree
  readonly #options: CodeDeliveryOptions
  readonly #sources: readonly Source[]
  readonly #cache: string
  readonly #foreign = new Map<string, string | undefined>()
  #mounts: SharedWork<CodeMounts, StartPhase> | undefined
  #isProved = false
  #isUnseen = false

  constructor(tree: Tree, options: CodeDeliveryOptions) {
    const { runtimeDirectory } = options
    const layout = layOut(tree, runtimeDirectory, programFolder)
    const made = new MadeFolders(tree)
    this.layout = layout
    this.#tree = tree
    this.#options = options
    const parts = [...layout.parts, ...linkedPackages(tree, layout.parts)]
    this.#sources = parts.map((part) => ({ part, folder: made.sourceOf(part, { tree, layout, runtimeDirectory }) }))
    this.#cache = made.directory
  }

  /** The mounts of a worker's container. `image` tells any that the engine has; a look needs a container, and a container an image. */
  async mounts(image: () => Promise<string>, signal: AbortSignal, report: Report): Promise<CodeMounts> {
    for (;;) {
      const known = this.#mounts
      const work = known && !known.failed ? known : new SharedWork<CodeMounts, StartPhase>((...how) => this.#deliver(image, ...how))
      this.#mounts = work
      try {
        const mounts = await work.wait(signal, report)
        const { volumes } = mounts
        if (work !== known || !volumes || (await areThere(this.#options.client, volumes, signal))) return mounts
        if (this.#mounts === work) this.#mounts = undefined
      } catch (error) {
        // Another start's image may not have come, which says nothing of ours.
        if (work !== known || signal.aborted) throw error
      }
    }
  }

  /** See `foreignAddons`. The dependencies are looked through once. */
  foreignAddons(platform: string): string | undefined {
    if (!this.#foreign.has(platform)) {
      const folders = this.#sources.flatMap(({ part, folder }) => (part.content === 'dependencies' ? [folder] : []))
      this.#foreign.set(platform, foreignAddons(folders, platform))
    }
    return this.#foreign.get(platform)
  }

  /** The engine does not see this host's folders after all: the mounts that are asked for from now on are others. */
  doubt(): void {
    if (this.#isUnseen) return
    this.#isUnseen = true
    this.#mounts = undefined
  }

  /** Whether an engine's refusal to create a container says that it does not see these folders. `others`: what else it was to mount. */
  saysUnseen(error: unknown, others: readonly string[]): boolean {
    if (!isUnseen(error)) return false
    const { message } = error
    return this.#sources.some(({ folder }) => message.includes(folder)) || !others.some((path) => message.includes(path))
  }

  async #deliver(findImage: () => Promise<string>, signal: AbortSignal, report: Report): Promise<CodeMounts> {
    const mounts = this.#sources.map(({ part, folder }): ApiMount => ({
      Type: 'bind',
      Source: folder,
      Target: part.target,
      ReadOnly: true,
    }))
    const seen = this.#isUnseen ? 'no' : await this.#isSeen(findImage)
    if (seen === 'yes') return { mounts }
    if (seen === 'perhaps') return { mounts, prove: (containerId) => this.#prove(containerId) }
    const volumes = new ContentVolumes({ ...this.#options, image: await findImage() })
    const contents = await Promise.all(this.#sources.map((source) => this.#contentOf(source)))
    const names = await volumes.fill(contents, signal, (detail) => report({ phase: 'preparing', detail }))
    return {
      volumes: names,
      mounts: this.#sources.map(({ part }, index) => ({
        Type: 'volume',
        Source: names[index] ?? '',
        Target: part.target,
        ReadOnly: true,
        VolumeOptions: { NoCopy: true },
      })),
    }
  }

  /** Whether the engine sees this host's own folders: known from an earlier run, to be tried with the first container, or tried here. */
  async #isSeen(findImage: () => Promise<string>): Promise<'yes' | 'perhaps' | 'no'> {
    const known = await this.#known()
    if (this.#places().every((place) => known.has(place))) return 'yes'
    if (this.#options.client.endpoint.kind === 'unix') return 'perhaps'
    if (!(await this.#look(await findImage()))) return 'no'
    await this.#remember()
    return 'yes'
  }

  /** A new version of the code lies beside the ones that were seen. */
  #places(): string[] {
    const versions = dirname(cacheOf(this.#tree))
    return this.#sources.map(({ part, folder }) => (part.content === 'code' ? versions : folder))
  }

  get #memory(): string {
    const { client, engineId } = this.#options
    const name = createHash('sha256').update(`${client.endpoint.name}\n${engineId}`).digest('hex').slice(0, 16)
    return join(this.#cache, `seen-${name}.json`)
  }

  async #known(): Promise<Set<string>> {
    try {
      return new Set(JSON.parse(await readFile(this.#memory, 'utf8')) as string[])
    } catch {
      return new Set()
    }
  }

  async #remember(): Promise<void> {
    await writeFile(this.#memory, JSON.stringify([...new Set([...(await this.#known()), ...this.#places()])]))
  }

  async #prove(containerId: string): Promise<boolean> {
    if (this.#isProved) return true
    const { client } = this.#options
    this.#isProved = await this.#isSame((index, file) => statInside(client, containerId, `${this.#sources[index]?.part.target}/${file}`))
    if (this.#isProved) await this.#remember()
    return this.#isProved
  }

  /** Looks through the engine at one file of each folder: it must be the very same. */
  async #look(image: string): Promise<boolean> {
    const { client, labels } = this.#options
    const mounts = this.#sources.map(({ folder }, index) => ({
      Type: 'bind' as const,
      Source: folder,
      Target: `/cowait-look/${index}`,
      ReadOnly: true,
    }))
    try {
      await using carrier = await Carrier.create(client, { image, labels, purpose: 'look', mounts })
      return await this.#isSame((index, file) => carrier.stat(`/cowait-look/${index}/${file}`))
    } catch (error) {
      if (isUnseen(error)) return false
      throw error
    }
  }

  async #isSame(stats: (source: number, file: string) => Promise<PathStat | undefined>): Promise<boolean> {
    for (const [index, { part, folder }] of this.#sources.entries()) {
      const file = await findFile(folder, (inside) => this.#sources.some((other) => other.part.target === `${part.target}/${inside}`))
      if (file === undefined) continue
      const here = await stat(join(folder, file))
      const there = await stats(index, file)
      if (there === undefined || there.size !== here.size || Math.abs(there.mtimeMs - here.mtimeMs) > 1000) return false
    }
    return true
  }

  async #contentOf({ part, folder }: Source): Promise<Content> {
    const found = await listFolder(folder)
    const memory = join(this.#cache, `hash-${createHash('sha256').update(folder).digest('hex').slice(0, 16)}`)
    const hash = await hashFolder(found, memory)
    const isSame = async (): Promise<boolean> => {
      const now = await listFolder(folder)
      // Other links to the same files, as package managers make them, change their times alone.
      return fingerprintOf(now) === fingerprintOf(found) || (await hashFolder(now, memory)) === hash
    }
    return { kind: part.content, hash, entries: found.map(({ entry }) => entry), isSame }
  }
}

/** Not there, or not shared with the engine's virtual machine: each engine has words of its own. */
function isUnseen(error: unknown): error is ApiError {
  return error instanceof ApiError && error.status !== 409 && /bind|mount|statfs|no such file|not shared/i.test(error.message)
}

/** A file not far below a folder, the same one each time; not in what another mount covers. */
async function findFile(folder: string, isCovered: (inside: string) => boolean, at = '', depth = 3): Promise<string | undefined> {
  const here = at === '' ? '' : `${at}/`
  const preferred = ['.package-lock.json', 'worker.js', 'package.json'].find((name) => existsSync(join(folder, at, name)))
  if (preferred !== undefined) return here + preferred
  const entries = (await readdir(join(folder, at), { withFileTypes: true })).toSorted((a, b) => (a.name < b.name ? -1 : 1))
  const file = entries.find((entry) => entry.isFile())
  if (file !== undefined) return here + file.name
  if (depth === 0) return undefined
  for (const entry of entries) {
    const inside = here + entry.name
    if (!entry.isDirectory() || isCovered(inside)) continue
    const found = await findFile(folder, isCovered, inside, depth - 1)
    if (found !== undefined) return found
  }
  return undefined
}
