import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { repositoryRoot } from '@votestream/infra/servers/repository-root'
import { buildSchema, isEnumType, isInputObjectType, isInterfaceType, isObjectType } from 'graphql'
import { emitGraphqlSchema } from '../../src/graphql-schema.js'

describe('schema/schema.graphql', () => {
  it('is what the resolvers give: npm run openapi writes it anew', async () => {
    const committed = await readFile(join(repositoryRoot(), 'schema/schema.graphql'), 'utf8')
    assert.equal(emitGraphqlSchema(), committed)
  })

  it('is the same whatever a process has loaded first', async () => {
    const committed = await readFile(join(repositoryRoot(), 'schema/schema.graphql'), 'utf8')
    const module = (name: string) => new URL(`../../src/${name}.js`, import.meta.url).href
    for (const first of ['event-resolver', 'vote-resolver']) {
      const script = `
        await import('${import.meta.resolve('reflect-metadata')}')
        await import('${module(`graphql/${first}`)}')
        const { emitGraphqlSchema } = await import('${module('graphql-schema')}')
        process.stdout.write(emitGraphqlSchema())`
      const { stdout } = spawnSync(process.execPath, ['--input-type=module', '-e', script], {
        encoding: 'utf8',
      })
      assert.equal(stdout, committed, first)
    }
  })

  it('describes every type, field, argument and value', () => {
    const bare: string[] = []
    const look = (name: string, { description }: { description?: string | null | undefined }) => {
      if (!description) bare.push(name)
    }
    for (const type of Object.values(buildSchema(emitGraphqlSchema()).getTypeMap())) {
      if (type.name.startsWith('__')) continue
      look(type.name, type)
      if (isEnumType(type)) for (const value of type.getValues()) look(`${type.name}.${value.name}`, value)
      if (isInputObjectType(type)) {
        for (const field of Object.values(type.getFields())) look(`${type.name}.${field.name}`, field)
      }
      if (!isObjectType(type) && !isInterfaceType(type)) continue
      for (const field of Object.values(type.getFields())) {
        look(`${type.name}.${field.name}`, field)
        for (const arg of field.args) look(`${type.name}.${field.name}(${arg.name})`, arg)
      }
    }
    assert.deepEqual(bare, [])
  })
})
