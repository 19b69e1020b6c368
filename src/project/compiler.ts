import { dirname, join, resolve } from 'node:path'
import { init } from 'es-module-lexer'
import { UsageError } from '../core/errors.ts'
import { analyse, brokenBy } from './analyse.ts'
import type { Analysis } from './analysis.ts'
import { type CacheFolder, readJson, writeWhole } from './cache-folder.ts'
import { compilerVersion } from './compiler-version.ts'
import { sha256 } from './objects.ts'
import { codeFrame } from './problem.ts'
import { PACKAGE_NAME } from './package-root.ts'
import type { Packages } from './packages.ts'
import { Resolver, isLeftToNode, type Target } from './resolver.ts'
import { type Loader, loaderOf } from './source.ts'
import { Transformer } from './transformer.ts'
import { type FolderOptions, Tsconfigs } from './tsconfig.ts'

export { link } from './link.ts'

/** A file by itself, and what it imports from the files around it. */
export interface AnalysedFile {
  readonly text: string
  readonly analysis: Analysis
  readonly targets: { readonly import: ReadonlyMap<string, Target>; readonly require: ReadonlyMap<string, Target> }
  /** Absolute paths, maybe without an ending, of files of the user's among them that are not there. */
  readonly awaits: readonly string[]
  /** One of those that package.json's own names mean is not there. */
  readonly lacksImport: boolean
}

const PLAIN: FolderOptions = { compiler: {}, conditions: [], maps: () => [] }

/** All that it takes to compile a file. Loading this module costs more than most projects' files do: it waits for the first one. */
export class Compiler implements AsyncDisposable {
  readonly #cache: CacheFolder
  readonly #treeRoot: string
  readonly #packages: Packages
  readonly #transformer: Transformer = new Transformer()
  readonly #tsconfigs: Tsconfigs = new Tsconfigs()
  readonly #resolver: Resolver

  private constructor(cache: CacheFolder, treeRoot: string, packages: Packages) {
    this.#cache = cache
    this.#treeRoot = treeRoot
    this.#packages = packages
    this.#resolver = new Resolver(treeRoot)
  }

  static async open(cache: CacheFolder, treeRoot: string, packages: Packages): Promise<Compiler> {
    await init()
    return new Compiler(cache, treeRoot, packages)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#transformer[Symbol.asyncDispose]()
  }

  /** Absolute paths of all `tsconfig.json` and what they extend, there or not. */
  configPaths(): string[] {
    return this.#tsconfigs.paths()
  }

  /** Compiles a file, unless it was compiled from the same text and options before. */
  async analyse(path: string, text: string): Promise<AnalysedFile> {
    const file = join(this.#treeRoot, path)
    const loader = loaderOf(path) as Loader
    const { type } = this.#packages.of(file)?.file ?? {}
    const packageType = type === 'module' || type === 'commonjs' ? type : undefined
    const source = { path, text, loader, packageType } as const
    const options = loader === 'js' ? PLAIN : this.#optionsFor(file)
    if (typeof options === 'string') {
      const [firstLine = ''] = text.split('\n', 1)
      const problem = { type: 'config', path, line: 1, column: 1, message: options, frame: codeFrame(1, 1, firstLine) } as const
      return {
        text,
        analysis: brokenBy(source, problem),
        targets: { import: new Map(), require: new Map() },
        awaits: [],
        lacksImport: false,
      }
    }
    const stored = join(this.#cache.analyses, sha256(JSON.stringify([compilerVersion(), path, packageType, options.compiler, text])))
    let analysis = readJson(stored) as Analysis | undefined
    if (!analysis) {
      analysis = await analyse({ ...source, options: options.compiler }, this.#transformer)
      writeWhole(stored, JSON.stringify(analysis))
    }
    const imports = analysis.imports.filter(({ kind }) => kind !== 'computed').map(({ specifier }) => specifier)
    const targets = {
      import: this.#resolve(path, imports, 'import', options.conditions),
      require: this.#resolve(path, analysis.requires, 'require', options.conditions),
    }
    const missing = [
      ...imports.filter((specifier) => !targets.import.has(specifier)),
      ...analysis.requires.filter((specifier) => !targets.require.has(specifier)),
    ].filter(isResolved)
    const placesOf = (specifier: string): readonly string[] =>
      /^\.{1,2}(?:\/|$)/.test(specifier) ? [resolve(dirname(file), specifier)] : options.maps(specifier)
    return { text, analysis, targets, awaits: missing.flatMap(placesOf), lacksImport: missing.some((each) => each.startsWith('#')) }
  }

  /** What is wrong with the config as a text: that hurts the files that it is for, and no others. */
  #optionsFor(file: string): FolderOptions | string {
    try {
      return this.#tsconfigs.optionsFor(file)
    } catch (error) {
      if (error instanceof UsageError) return error.message
      throw error
    }
  }

  #resolve(
    importer: string,
    specifiers: readonly string[],
    kind: 'import' | 'require',
    conditions: readonly string[],
  ): Map<string, Target> {
    const targets = new Map<string, Target>()
    for (const specifier of new Set(specifiers)) {
      const target = isResolved(specifier) && this.#resolver.resolve(importer, specifier, kind, conditions)
      if (target) targets.set(specifier, target)
    }
    return targets
  }
}

/** Our own package stays a package: it is linked into the tree. */
function isResolved(specifier: string): boolean {
  return specifier !== PACKAGE_NAME && !specifier.startsWith(`${PACKAGE_NAME}/`) && !isLeftToNode(specifier)
}
