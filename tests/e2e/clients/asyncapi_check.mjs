// Reads an AsyncAPI file, what it refers to as well, and says what is wrong with it, as JSON. usage: asyncapi_check.mjs FILE
import {readFileSync} from 'node:fs';
import {Parser} from '@asyncapi/parser';

const file = process.argv[2];
const {document, diagnostics} = await new Parser().parse(readFileSync(file, 'utf8'), {source: file});
console.log(JSON.stringify({operations: document?.operations().length ?? 0, diagnostics}));
