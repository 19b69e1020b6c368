/** A new project. Each one also gets package.json, tsconfig.json and .gitignore. */
export interface Template {
  readonly name: string
  /** One line for people who choose. */
  readonly about: string
  /** The command that shows it at work. */
  readonly first: string
  readonly dependencies: Readonly<Record<string, string>>
  readonly files: Readonly<Record<string, string>>
}

export function commonFiles(name: string, cowait: string, template: Template): Record<string, string> {
  const manifest = {
    name,
    private: true,
    type: 'module',
    scripts: { start: template.first, test: 'vitest run', types: 'tsc' },
    dependencies: { cowait, ...template.dependencies },
    devDependencies: { '@types/node': '^20.19.0', typescript: '>=5.9', vitest: '^4.0.0' },
  }
  const compiler = {
    compilerOptions: {
      target: 'es2023',
      module: 'nodenext',
      types: ['node'],
      strict: true,
      erasableSyntaxOnly: true,
      verbatimModuleSyntax: true,
      allowImportingTsExtensions: true,
      noEmit: true,
      skipLibCheck: true,
    },
    include: ['*.ts'],
  }
  return {
    'package.json': `${JSON.stringify(manifest, null, 2)}\n`,
    'tsconfig.json': `${JSON.stringify(compiler, null, 2)}\n`,
    '.gitignore': 'node_modules/\n.cowait/\n.env\n',
  }
}
