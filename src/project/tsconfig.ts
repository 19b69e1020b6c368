import { dirname } from 'node:path'
import { createPathsMatcher, getTsconfig } from 'get-tsconfig'
import { UsageError } from '../core/errors.ts'

/** The part of `compilerOptions` that changes what a file becomes. */
export type CompilerOptions = Readonly<Record<string, unknown>>

const RELEVANT = [
  'alwaysStrict',
  'experimentalDecorators',
  'importsNotUsedAsValues',
  'jsx',
  'jsxFactory',
  'jsxFragmentFactory',
  'jsxImportSource',
  'preserveValueImports',
  'strict',
  'target',
  'useDefineForClassFields',
  'verbatimModuleSyntax',
]

export interface FolderOptions {
  readonly compiler: CompilerOptions
  /** Further conditions under which a package's `exports` are looked up: those that lead to sources. */
  readonly conditions: readonly string[]
  /** The files, without endings, that `paths` or `baseUrl` say a package's name may be. */
  maps(specifier: string): readonly string[]
}

/** Reads the nearest `tsconfig.json` of each folder once, and knows which files it looked for. */
export class Tsconfigs {
  readonly #reads: Map<string, unknown> = new Map()
  readonly #byFolder: Map<string, FolderOptions> = new Map()

  /** The options for a file. Throws a `UsageError` for a config that cannot be read. */
  optionsFor(file: string): FolderOptions {
    const folder = dirname(file)
    const known = this.#byFolder.get(folder)
    if (known) return known
    const options = this.#read(folder)
    this.#byFolder.set(folder, options)
    return options
  }

  /** Absolute paths of all files that were looked for, there or not. */
  paths(): string[] {
    return [...new Set([...this.#reads.keys()].map((key) => key.replace(/^[A-Za-z]+:/, '').replace(/:utf8$/, '')))]
  }

  #read(folder: string): FolderOptions {
    try {
      const found = getTsconfig(folder, 'tsconfig.json', this.#reads)
      const written: Readonly<Record<string, unknown>> = found?.config.compilerOptions ?? {}
      const candidates = found && createPathsMatcher(found)
      const relevant = Object.fromEntries(RELEVANT.filter((name) => name in written).map((name) => [name, written[name]]))
      const { customConditions } = written
      return {
        compiler: { ...relevant, jsx: runnableJsx(written['jsx']) },
        conditions: Array.isArray(customConditions) ? customConditions.map(String) : [],
        maps: (specifier) => candidates?.(specifier) ?? [],
      }
    } catch (error) {
      throw new UsageError(`The tsconfig.json of ${folder} cannot be used: ${(error as Error).message}`, { cause: error })
    }
  }
}

/** Workers run JavaScript: JSX that a config leaves for later tools is compiled here. */
function runnableJsx(jsx: unknown): unknown {
  return typeof jsx === 'string' && /^react(?:-jsx(?:dev)?)?$/i.test(jsx) ? jsx : 'react-jsx'
}
