/** Policy data that ships as files: what each age preset sets and why, and whom to call. */

import { Type } from 'typebox';
import { readPolicyData } from '../../lists/read-policy-data.ts';
import { AGE_PRESETS, LOG_LEVELS, SafeSearchSchema } from '../../store/document.ts';
import type { ApiInstance } from '../api-instance.ts';

const logLevel = Type.Enum([...LOG_LEVELS]);

const PresetSchema = Type.Object({
  id: Type.Enum([...AGE_PRESETS]),
  title: Type.String(),
  block: Type.Array(Type.String(), {
    description: 'ids of categories, and of services as service:ID',
  }),
  safeSearch: SafeSearchSchema,
  log: logLevel,
  logMax: logLevel,
  reasons: Type.Array(
    Type.Object({
      choice: Type.String({ description: 'an entry of block, safeSearch or log' }),
      why: Type.String(),
      whyForChild: Type.String({ description: 'the same in words for the child' }),
    }),
  ),
});

const HelplineSchema = Type.Object({
  name: Type.String(),
  text: Type.String({ description: 'as people dial it' }),
  zones: Type.Array(Type.String(), { description: 'IANA time zones of those whom it is for' }),
  languages: Type.Array(Type.String()),
  url: Type.String({ description: 'whose line it is' }),
  verifiedAt: Type.Union([Type.String(), Type.Null()], {
    description: 'the day on which somebody read the number there; null: nobody has',
  }),
});

const tags = ['policy data'];

export function addPolicyDataRoutes(app: ApiInstance): void {
  const config = { access: 'reader' } as const;
  app.get(
    '/api/v1/age-presets',
    {
      schema: { tags, response: { 200: Type.Object({ items: Type.Array(PresetSchema) }) } },
      config,
    },
    () => ({ items: [...readPolicyData().agePresets.values()] }),
  );
  app.get(
    '/api/v1/helplines',
    {
      schema: {
        tags,
        description:
          'Shown is the one of the time zone, else the one of the language, else the one without either.',
        response: { 200: Type.Object({ items: Type.Array(HelplineSchema) }) },
      },
      config,
    },
    () => ({ items: readPolicyData().helplines }),
  );
}
