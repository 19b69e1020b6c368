import { existsSync, readFileSync } from 'node:fs'
import { basename, dirname, join, posix, relative } from 'node:path'
import { UsageError } from '../core/errors.ts'
import type { CacheFolder } from './cache-folder.ts'
import type { AnalysedFile, Compiler } from './compiler.ts'
import { leavesPackages, toSlashes } from './folders.ts'
import { folderOfFile } from './ignore-rules.ts'
import { moduleNameIn } from './module-name.ts'
import { hasObject, putObject, sha256 } from './objects.ts'
import { Packages } from './packages.ts'
import type { ProjectPlace } from './project.ts'
import type { Target } from './resolver.ts'
import { type Scan, isSameStamp } from './scan.ts'
import { loaderOf } from './source.ts'
import { type CompiledFile, type IndexedFile, type TreeIndex, isSettled, isWatchedSame } from './tree-index.ts'

export interface CompilationOptions {
  readonly cache: CacheFolder
  readonly place: ProjectPlace
  /** The files to begin with; what they import from elsewhere in the tree's root is added. */
  readonly scan: Scan
  readonly known: TreeIndex | undefined
  readonly scannedAtMs: number
  readonly signal: AbortSignal | undefined
}

export interface CompilationResult {
  readonly files: Record<string, IndexedFile>
  readonly layout: string
  readonly configs: readonly string[]
  /** Absolute paths of configs that are no part of the tree, there or not. */
  readonly configsElsewhere: readonly string[]
}

/** A code file on its way: taken over from the last time, or analysed and to be linked once all files are known. */
type Work = { readonly type: 'kept'; readonly compiled: CompiledFile } | { readonly type: 'analysed'; readonly file: AnalysedFile }

/** One pass over all files: what is unchanged is taken over, the rest is read, compiled, linked and kept. */
export class Compilation implements AsyncDisposable {
  readonly #options: CompilationOptions
  readonly #packages: Packages = new Packages()
  #compiler: { readonly compiler: Compiler; readonly link: typeof import('./compiler.ts').link } | undefined
  readonly #hashes: Map<string, string> = new Map()
  /** Each file is read once: what is hashed, compiled and kept is the same, also while somebody writes to it. */
  readonly #contents: Map<string, Buffer> = new Map()
  readonly #work: Map<string, Work> = new Map()

  constructor(options: CompilationOptions) {
    this.#options = options
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#compiler?.compiler[Symbol.asyncDispose]()
  }

  async run(): Promise<CompilationResult> {
    const { known } = this.#options
    const canKeep = known !== undefined && isWatchedSame(known) && known.configs.every((path) => this.#isUnchanged(path))
    await this.#workThrough(canKeep)
    let layout = this.#layout()
    if (canKeep && layout !== known.layout) {
      this.#work.clear()
      await this.#workThrough(false)
      layout = this.#layout()
    }
    const files: Record<string, IndexedFile> = {}
    for (const [path, { stamp, mode }] of this.#options.scan.files) {
      const work = this.#work.get(path)
      const compiled = work && this.#finish(path, work)
      const content = { sha256: this.#hash(path), size: this.#contents.get(path)?.length ?? stamp[0], isExecutable: mode === 0o755 }
      if (compiled?.path !== path && !hasObject(this.#options.cache, content)) putObject(this.#options.cache, content, this.#read(path))
      files[path] = { stamp, mode, size: content.size, sha256: content.sha256, ...(compiled && { compiled }) }
    }
    return { files, layout, configs: this.#configs(canKeep), configsElsewhere: this.#configsElsewhere(canKeep) }
  }

  /** The text of a file of the tree. */
  textOf(path: string): string {
    return this.#read(path).toString('utf8')
  }

  /** Takes every code file to where it can be linked, and those that they import from outside of the project's folder. */
  async #workThrough(mayKeep: boolean): Promise<void> {
    for (;;) {
      this.#options.signal?.throwIfAborted()
      const pending = [...this.#options.scan.files.keys()].filter((path) => !this.#work.has(path) && loaderOf(path))
      if (pending.length === 0) return
      const fresh: string[] = []
      for (const path of pending) {
        const kept = mayKeep ? this.#kept(path) : undefined
        if (kept) this.#work.set(path, kept)
        else fresh.push(path)
      }
      await this.#analyse(fresh)
      for (const path of pending) for (const imported of importsOf(this.#work.get(path))) this.#include(imported)
    }
  }

  #kept(path: string): Work | undefined {
    const compiled = this.#options.known?.files[path]?.compiled
    if (!compiled || compiled.lacksImport || compiled.awaits || !this.#isUnchanged(path)) return undefined
    const content = { ...compiled, isExecutable: compiled.path === path && this.#options.scan.files.get(path)?.mode === 0o755 }
    return hasObject(this.#options.cache, content) ? { type: 'kept', compiled } : undefined
  }

  async #analyse(paths: readonly string[]): Promise<void> {
    if (paths.length === 0) return
    const { cache, place } = this.#options
    if (!this.#compiler) {
      const { Compiler, link } = await import('./compiler.ts')
      this.#compiler = { compiler: await Compiler.open(cache, place.treeRoot, this.#packages), link }
    }
    const { compiler } = this.#compiler
    const files = await Promise.all(paths.map(async (path) => [path, await compiler.analyse(path, this.textOf(path))] as const))
    for (const [path, file] of files) this.#work.set(path, { type: 'analysed', file })
  }

  /** Adds an imported file to the tree, with its package where that lies beside the project: a linked one of the workspace. */
  #include(path: string): void {
    const { scan, place } = this.#options
    if (scan.files.has(path) || path.split('/').includes('node_modules')) return
    const found = this.#packages.of(join(place.treeRoot, path))
    const folder = found && toSlashes(relative(place.treeRoot, found.folder))
    if (folder && !folder.startsWith('..') && !scan.folders.has(folder)) {
      scan.addFolder(folder)
      scan.addPackageFiles(folder)
    }
    scan.addFile(path)
  }

  #finish(path: string, work: Work): CompiledFile {
    if (work.type === 'kept') return work.compiled
    if (!this.#compiler) throw new Error(`Bug: ${path} was analysed without a compiler`)
    const { cache, place, scan } = this.#options
    const { analysis, targets, text, awaits, lacksImport } = work.file
    const module = moduleNameIn(place, path, scan.files)
    const linked = this.#compiler.link(analysis, { path, text, module, targets, compiledPath: (source) => this.#compiledPath(source) })
    const compiledPath = this.#compiledPath(path)
    if (compiledPath !== path && scan.files.has(compiledPath)) {
      throw new UsageError(`${compiledPath} stands where the compiled form of ${path} goes. Rename it, or list it in .cowaitignore.`)
    }
    const content = {
      sha256: sha256(linked.code),
      size: Buffer.byteLength(linked.code),
      isExecutable: compiledPath === path && scan.files.get(path)?.mode === 0o755,
    }
    if (!hasObject(cache, content)) putObject(cache, content, linked.code)
    return {
      path: compiledPath,
      module,
      sha256: content.sha256,
      size: content.size,
      imports: importsOf(work),
      hasComputedImport: analysis.hasComputedRequire || analysis.imports.some(({ kind }) => kind === 'computed'),
      jsonModules: linked.jsonModules,
      usesRuntime: linked.usesRuntime,
      ...(awaits.length > 0 && { awaits }),
      ...(lacksImport && { lacksImport }),
      ...(targetsOf(work.file).some((target) => target.type === 'package' && leavesPackages(target.path)) && { leavesTree: true }),
      ...(linked.problem && { problem: linked.problem }),
    }
  }

  #compiledPath(source: string): string {
    const work = this.#work.get(source)
    if (!work) return source
    if (work.type === 'kept') return work.compiled.path
    return work.file.analysis.isBeside ? `${source}${work.file.analysis.format === 'esm' ? '.mjs' : '.cjs'}` : source
  }

  /** What a specifier can mean. Two passes with one layout link a file in the same way. */
  #layout(): string {
    const paths = [...this.#options.scan.files.keys()].filter((path) => loaderOf(path) || /\.(?:json|node)$/.test(path)).sort()
    return sha256(JSON.stringify(paths.map((path) => [path, this.#compiledPath(path)])))
  }

  #configs(areKept: boolean): string[] {
    const { place, scan, known } = this.#options
    const named = [...scan.files.keys()].filter((path) => /^(?:package|[tj]sconfig.*)\.json$/.test(basename(path)))
    const read = this.#configPaths().map((path) => toSlashes(relative(place.treeRoot, path)))
    return [...new Set([...named, ...read.filter((path) => scan.files.has(path)), ...(areKept ? (known?.configs ?? []) : [])])].sort()
  }

  /** Those that no scanned file stands for, nor a scanned folder, which tells that a file came but not that an ignored one changed. */
  #configsElsewhere(areKept: boolean): string[] {
    const { place, scan, known } = this.#options
    const isScanned = (path: string): boolean => {
      const below = toSlashes(relative(place.treeRoot, path))
      return scan.files.has(below) || (!existsSync(path) && scan.folders.has(folderOfFile(below)))
    }
    return [...(areKept ? Object.keys(known?.watched ?? {}) : []), ...this.#configPaths().filter((path) => !isScanned(path))]
  }

  #configPaths(): string[] {
    return this.#compiler?.compiler.configPaths() ?? []
  }

  #isUnchanged(path: string): boolean {
    return this.#options.scan.files.has(path) && this.#options.known?.files[path]?.sha256 === this.#hash(path)
  }

  #hash(path: string): string {
    const hashed = this.#hashes.get(path) ?? this.#hashByStamp(path) ?? sha256(this.#read(path))
    this.#hashes.set(path, hashed)
    return hashed
  }

  #hashByStamp(path: string): string | undefined {
    const { known, scan } = this.#options
    const last = known?.files[path]
    if (!known || !last || !isSettled(last.stamp, known.scannedAtMs)) return undefined
    return isSameStamp(last.stamp, scan.files.get(path)?.stamp) ? last.sha256 : undefined
  }

  #read(path: string): Buffer {
    const known = this.#contents.get(path)
    if (known) return known
    const file = join(this.#options.place.treeRoot, path)
    try {
      const bytes = readFileSync(file)
      this.#contents.set(path, bytes)
      return bytes
    } catch (error) {
      const { code = String(error) } = error as NodeJS.ErrnoException
      const advice = existsSync(dirname(file)) ? 'If no task needs it, list it in .cowaitignore.' : 'Its folder is gone; start again.'
      throw new UsageError(`${file} cannot be read (${code}). ${advice}`, { cause: error })
    }
  }
}

function importsOf(work: Work | undefined): readonly string[] {
  if (!work) return []
  if (work.type === 'kept') return work.compiled.imports
  return [
    ...new Set(
      targetsOf(work.file).flatMap((target) => (target.type === 'inside' && target.path !== '' ? [posix.normalize(target.path)] : [])),
    ),
  ]
}

function targetsOf({ targets }: AnalysedFile): Target[] {
  return [...targets.import.values(), ...targets.require.values()]
}
