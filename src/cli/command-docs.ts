import type { Command } from 'commander'

/** `docs/cli.md`, from the definitions of the commands: the same words as `--help`, and they cannot differ. */
export function commandDocs(program: Command): string {
  const commands = program.commands.filter((command) => command.name() !== 'help' && command.name() !== 'complete')
  const list = commands.map(
    (command) => `- [\`cowait ${command.name()}\`](#cowait-${command.name()}): ${command.summary() || command.description()}`,
  )
  return `# The command line

Made from the command definitions by \`npm run docs\`; do not edit it by hand.

${program.description()}

${list.join('\n')}

${commands.map(section).join('\n')}`
}

function section(command: Command): string {
  const usage = ['cowait', command.name(), command.usage().replace(/^\[options\] ?/, '[options] ')].join(' ').trimEnd()
  const blocks = [`## cowait ${command.name()}`, command.description(), `\`\`\`\n${usage}\n\`\`\``]
  const args = command.registeredArguments.filter((argument) => argument.description)
  if (args.length > 0)
    blocks.push(
      table(
        ['Argument', ''],
        args.map((argument) => [`\`${argument.name()}\``, argument.description]),
      ),
    )
  const options = command.options.filter((option) => !option.hidden)
  if (options.length > 0)
    blocks.push(
      table(
        ['Option', ''],
        options.map((option) => [
          `\`${option.flags}\``,
          option.description + (option.argChoices ? ` (${option.argChoices.join(', ')})` : ''),
        ]),
      ),
    )
  return `${blocks.join('\n\n')}\n`
}

function table(head: readonly [string, string], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.map((cell) => cell.replaceAll('|', String.raw`\|`)).join(' | ')} |`
  return [line(head), '| --- | --- |', ...rows.map(line)].join('\n')
}
