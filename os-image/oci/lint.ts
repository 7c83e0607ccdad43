import type { Failure } from '#base/env/errors.ts';
import type { Image, Layer } from './recipe.ts';

export interface Finding extends Failure {
  readonly severity: 'error' | 'warning';
  /** `image redis`, `layer base` */
  readonly where: string;
}

/** What is wrong with an image's recipe, or will be regretted. Errors make a build pointless. */
export function lintImage(image: Image): readonly Finding[] {
  return [...lintConfig(image), ...image.layers.flatMap(lintLayer), ...lintTogether(image)];
}

const TAG = /^[a-z0-9]+(?:(?:[._/-]|__)[a-z0-9]+)*(?::\d+\/[a-z0-9._/-]+)?:[\w][\w.-]{0,127}$/;
const SECRET_NAME = /(?:password|passwd|secret|token|private_?key|api_?key)/i;

function lintConfig(image: Image): Finding[] {
  const where = `image ${image.name}`;
  const found: Finding[] = [];
  if (image.layers.length === 0) found.push(error(where, 'image_no_layers', 'has no layers', 'name at least one in layers'));
  if (image.tags.length === 0) found.push(error(where, 'image_no_tags', 'has no tags', 'add tags = ["name:version"]'));
  for (const tag of image.tags) if (!TAG.test(tag)) found.push(error(where, 'image_bad_tag', `tag "${tag}" is not repository:tag`, 'use lower case, as in "redis:7"'));
  if (image.config.entrypoint.length + image.config.cmd.length === 0) found.push(warning(where, 'image_no_command', 'has neither entrypoint nor cmd', 'say what it runs'));
  if (['', 'root', '0'].includes(image.config.user)) found.push(warning(where, 'image_root_user', 'runs as root', 'add a user to a layer and name it in config.user'));
  for (const key of Object.keys(image.config.env)) if (SECRET_NAME.test(key)) found.push(warning(where, 'image_secret', `environment variable ${key} looks like a secret; everyone who has the image can read it`, 'hand it to the task instead'));
  for (const port of image.config.ports) if (!/^\d{1,5}\/(?:tcp|udp|sctp)$/.test(port)) found.push(error(where, 'image_bad_port', `port "${port}" is not NUMBER/tcp or /udp`, 'as in "6379/tcp"'));
  return found;
}

function lintLayer(layer: Layer): Finding[] {
  const where = `layer ${layer.name}`;
  const found: Finding[] = [];
  const placed = [...layer.directories, ...layer.files, ...layer.links].map((entry) => entry.path);
  for (const path of [...placed, ...layer.remove]) {
    if (!path.startsWith('/') || path.split('/').includes('..')) found.push(error(where, 'image_bad_path', `path "${path}" must be absolute and without ..`, `write "/${path.replaceAll('../', '').replace(/^\//, '')}"`));
  }
  for (const path of placed.filter((entry, at) => placed.indexOf(entry) !== at)) found.push(error(where, 'image_path_twice', `path "${path}" is made twice`, 'keep one of them'));
  for (const file of layer.files) {
    if ((file.content === undefined) === (file.source === undefined)) found.push(error(where, 'image_file_content', `file "${file.path}" needs exactly one of content and source`, 'give one'));
    if ((file.mode & 0o002) !== 0) found.push(warning(where, 'image_world_writable', `file "${file.path}" can be written by everyone`, 'use mode "0644"'));
  }
  for (const name of [...layer.packages, ...layer.without]) if (!/^[a-z0-9][a-z0-9+.-]*(?::[a-z0-9]+)?(?:=\S+)?$/.test(name)) found.push(error(where, 'image_bad_package', `"${name}" is no package name`, 'as apt knows it'));
  for (const argv of layer.run) if (argv.length === 0 || argv[0]?.startsWith('/') !== true) found.push(error(where, 'image_bad_run', `run ${JSON.stringify(argv)} must start with the absolute path of a program`, 'as in ["/usr/bin/env", "true"]'));
  return found;
}

function lintTogether(image: Image): Finding[] {
  const where = `image ${image.name}`;
  const found: Finding[] = [];
  const names = image.layers.map((layer) => layer.name);
  for (const name of names.filter((entry, at) => names.indexOf(entry) !== at)) found.push(error(where, 'image_layer_twice', `layer ${name} is used twice`, 'keep one'));
  const users = image.layers.flatMap((layer) => layer.users);
  const [owner] = image.config.user.split(':');
  if (owner !== undefined && owner !== '' && owner !== 'root' && !/^\d+$/.test(owner) && !users.some((user) => user.name === owner)) {
    found.push(error(where, 'image_unknown_user', `runs as ${owner}, whom no layer makes`, `add user "${owner}" to a layer`));
  }
  const packages = image.layers.flatMap((layer) => layer.packages);
  for (const name of packages.filter((entry, at) => packages.indexOf(entry) !== at)) found.push(warning(where, 'image_package_twice', `package ${name} is asked for by two layers`, 'leave it to the lower one'));
  return found;
}

function error(where: string, code: string, message: string, hint: string): Finding {
  return { severity: 'error', where, code, message, hint };
}

function warning(where: string, code: string, message: string, hint: string): Finding {
  return { severity: 'warning', where, code, message, hint };
}
