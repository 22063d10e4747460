# SPDX-License-Identifier: GPL-2.0-or-later
#
# For the build block of a Packer template: the image is not made when the rehearsal in it fails.

variable "chainkeeper_package" {
  type        = string
  description = "The .deb or .rpm of chainkeeper for the image."
}

build {
  sources = ["source.azure-arm.node"]

  provisioner "file" {
    source      = var.chainkeeper_package
    destination = "/tmp/${basename(var.chainkeeper_package)}"
  }

  provisioner "shell" {
    script          = "${path.root}/bake"
    execute_command = "sudo {{ .Path }} /tmp/${basename(var.chainkeeper_package)}"
  }
}
